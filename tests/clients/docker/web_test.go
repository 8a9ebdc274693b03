package docker

import (
	"os"
	"strings"
	"sync"
	"testing"

	"teu/tests/clients/caller"
)

// web is the image with both web servers, made once.
var web = sync.OnceValue(func() string { return caller.Debian(webTB, "nginx-light", "apache2", "procps") })

// webTB is the test that makes the image.
var webTB testing.TB

// webServers runs nginx and Apache httpd beside each other, asks them, and looks at them as the host's ps shows them.
func (d docker) webServers() {
	f, err := os.Open(web())
	d.Check(err)
	defer f.Close()
	if o := d.Do(d.T, f, "import", "-", "web"); o.Code != 0 {
		d.Fatalf("%v: want exit code 0", o)
	}
	nginx := d.OK("run", "--detach", "--name", "nginx", "web", "nginx", "-g", "daemon off;")
	apache := d.OK("run", "--detach", "--name", "apache", "web", "sh", "-c", ". /etc/apache2/envvars; mkdir -p $APACHE_RUN_DIR; exec apache2 -D FOREGROUND")
	for _, server := range []struct{ id, says string }{{nginx, "Server: nginx/"}, {apache, "Server: Apache/"}} {
		address := d.Inspect(server.id, ".NetworkSettings.IPAddress")
		caller.Until(d.T, server.says, func() bool {
			return strings.Contains(d.Try("run", "--rm", "bb", "wget", "-SqO", "/dev/null", "http://"+address+"/").Err, server.says)
		})
	}
	ps := caller.Program{Args: []string{"ps"}, Env: d.env}
	table := ps.Do(d.T, nil, "-eo", "pid=,ppid=,args=").Out
	parents := map[string]string{}
	lines := map[string]string{}
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		parents[f[0]], lines[f[0]] = f[1], strings.Join(f[2:], " ")
	}
	for id, says := range map[string]string{nginx: "nginx: master process", apache: "apache2 -D FOREGROUND"} {
		pid := d.Inspect(id, ".State.Pid")
		shim := parents[pid]
		if !strings.Contains(lines[pid], says) || !strings.Contains(lines[shim], "containerd-shim") || !strings.Contains(lines[shim], id) {
			d.Errorf("pid %s %q, its parent %s %q: want %s under the shim of %s", pid, lines[pid], shim, lines[shim], says, id)
		}
	}
	if want := "nginx: worker process"; !strings.Contains(table, want) {
		d.Errorf("ps: got\n%s\nwant %s in it", table, want)
	}
	for _, id := range []string{nginx, apache} {
		d.OK("stop", id)
		if code := d.Inspect(id, ".State.ExitCode"); code != "0" {
			d.Errorf("exit code of %s after stop: got %s, want 0", d.Inspect(id, ".Name"), code)
		}
	}
	d.OK("rm", nginx, apache)
	d.OK("rmi", "web")
}
