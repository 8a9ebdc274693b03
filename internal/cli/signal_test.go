package cli

import "testing"

func TestSignals(t *testing.T) {
	for in, want := range map[string]int{
		"0": 0, "9": 9, "64": 64, "KILL": 9, "SIGKILL": 9, "sigkill": 9, "kill": 9, "Hup": 1, "SYS": 31,
		"STKFLT": 16, "CLD": 17, "CHLD": 17, "IOT": 6, "POLL": 29, "IO": 29, "RTMIN": 34, "SIGRTMIN+0": 34,
		"rtmin+3": 37, "RTMIN+30": 64, "RTMAX": 64, "RTMAX-1": 63, "rtmax-30": 34,
	} {
		if got, err := parseSignal(in); err != nil || int(got) != want {
			t.Errorf("signal %s: got %d, %v, want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "SIG", "SIGSIGKILL", "-1", "65", "FOO", "RTMIN-1", "RTMIN+31", "RTMAX+1", "RTMAX-31", "RTMIN+", "RTMIN+x", "RTMIN+-1", "9x"} {
		if got, err := parseSignal(in); err == nil {
			t.Errorf("signal %q: got %d, want an error", in, got)
		}
	}
	for n := 1; n < len(signalNames); n++ { // against the numbers of the kernel
		if sig, err := parseSignal(signalNames[n]); err != nil || int(sig) != n {
			t.Errorf("signal %s: got %d, %v, want %d", signalNames[n], sig, err, n)
		}
	}
}
