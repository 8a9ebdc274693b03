// Package log writes the lines that callers read: containerd decodes the JSON
// form, people read the text form. It formats by hand because every verb is
// a process of a few milliseconds and a logging library costs its share at
// start-up.
package log

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Level orders messages by weight.
type Level uint8

// The levels, by the names that [ParseLevel] takes and the lines carry.
const (
	Debug Level = iota
	Info
	Warning
	Error
)

// Silent is above every level: of a logger of this level [Logger.Fatal] alone writes.
const Silent = Error + 1

var names = [...]string{"debug", "info", "warning", "error"}

// String is the name used in log lines; go-runc looks for a literal "error".
func (l Level) String() string { return names[l] }

// ParseLevel reads debug, info, warning (or warn) or error.
func ParseLevel(s string) (Level, error) {
	if s == "warn" {
		return Warning, nil
	}
	for i, n := range names {
		if s == n {
			return Level(i), nil
		}
	}
	return Info, errors.New("--log-level " + s + ": want debug, info, warning or error")
}

// Logger writes each message as one line with one write(2). The zero value is
// not usable; a nil *Logger drops everything.
type Logger struct {
	out    *os.File
	json   bool
	level  Level
	stderr bool // out is standard error
	began  time.Time
}

// New makes a logger. An empty path or /dev/stderr is standard error; any other
// file is made with mode 0644 and appended to, as runc does. format is
// "text" (or empty) or "json".
func New(path, format string, level Level) (*Logger, error) {
	l := &Logger{out: os.Stderr, level: level, stderr: true}
	if level == Debug {
		l.began = time.Now()
	}
	switch format {
	case "", "text":
	case "json":
		l.json = true
	default:
		return nil, errors.New("--log-format " + format + ": want text or json")
	}
	if path != "" && path != "/dev/stderr" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			return nil, err
		}
		l.out, l.stderr = f, false
	}
	return l, nil
}

// Debugf logs a step of a verb. Its line also holds the pid of this process, since several may share a log, and the time
// since [New]. What goes into it must not be secret: no values of environment variables, no arguments of programs.
// Nothing is formatted when the level is another, so an argument that takes work to put together has a String method.
func (l *Logger) Debugf(format string, args ...any) { l.logf(Debug, format, args) }

// DebugfAgo is Debugf for what was done some time ago.
func (l *Logger) DebugfAgo(ago time.Duration, format string, args ...any) {
	if l.Enabled(Debug) {
		l.write(Debug, fmt.Sprintf(format, args...), time.Now().Add(-ago))
	}
}

// Infof logs a notable event.
func (l *Logger) Infof(format string, args ...any) { l.logf(Info, format, args) }

// Warnf logs what the caller should know though the verb goes on.
func (l *Logger) Warnf(format string, args ...any) { l.logf(Warning, format, args) }

// Errorf logs an error that the verb survives; the one it ends with goes to Fatal.
func (l *Logger) Errorf(format string, args ...any) { l.logf(Error, format, args) }

// Enabled reports whether a message of this level would be written.
func (l *Logger) Enabled(level Level) bool { return l != nil && level >= l.level }

// Fatal logs the error that ends the verb and, when the log is a file, repeats it
// on standard error: containerd reads the one, people and Podman the other.
func (l *Logger) Fatal(err error) {
	if l == nil {
		return
	}
	msg := strings.ReplaceAll(err.Error(), "\n", "; ") // joined errors, what programs have written
	l.write(Error, msg, time.Now())
	if !l.stderr {
		os.Stderr.WriteString(strings.Map(visible, msg) + "\n")
	}
}

// visible has nothing that the message quotes of a container, as the output of a hook, move a terminal's cursor.
func visible(r rune) rune {
	if unicode.IsControl(r) && r != '\t' {
		return '?'
	}
	return r
}

// Close closes the log file.
func (l *Logger) Close() error {
	if l == nil || l.stderr {
		return nil
	}
	return l.out.Close()
}

func (l *Logger) logf(level Level, format string, args []any) {
	if l.Enabled(level) {
		l.write(level, fmt.Sprintf(format, args...), time.Now())
	}
}

// write leaves a failing log alone: there is nowhere to report it, and a full
// disk under the log must not stop a container.
func (l *Logger) write(level Level, msg string, now time.Time) {
	now = now.UTC()
	b := make([]byte, 0, 128+len(msg))
	if l.json {
		b = append(b, `{"level":"`...)
		b = append(b, level.String()...)
		b = append(b, `","msg":`...)
		b = appendJSON(b, msg)
		b = append(b, `,"time":"`...)
		b = now.AppendFormat(b, time.RFC3339)
		b = append(b, '"')
		if level == Debug {
			b = append(b, `,"pid":`...)
			b = strconv.AppendInt(b, int64(os.Getpid()), 10)
			b = append(b, `,"elapsed":"`...)
			b = append(l.elapsed(b, now), '"')
		}
		b = append(b, "}\n"...)
	} else {
		b = append(b, `time="`...)
		b = now.AppendFormat(b, time.RFC3339)
		b = append(b, `" level=`...)
		b = append(b, level.String()...)
		b = append(b, ` msg=`...)
		b = strconv.AppendQuote(b, msg)
		if level == Debug {
			b = append(b, " pid="...)
			b = strconv.AppendInt(b, int64(os.Getpid()), 10)
			b = append(b, " elapsed="...)
			b = l.elapsed(b, now)
		}
		b = append(b, '\n')
	}
	l.out.Write(b)
}

// elapsed appends the time from New to now, as 1.234ms.
func (l *Logger) elapsed(b []byte, now time.Time) []byte {
	b = strconv.AppendFloat(b, float64(now.Sub(l.began))/float64(time.Millisecond), 'f', 3, 64)
	return append(b, "ms"...)
}

// appendJSON appends s as a JSON string (RFC 8259); bytes that are no UTF-8
// become U+FFFD.
func appendJSON(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < 0x20 || r == 0x7f:
			b = append(b, `\u00`...)
			b = append(b, hex[r>>4], hex[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
