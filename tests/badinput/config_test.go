package badinput

import (
	"os"
	"strings"
	"syscall"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"teu/tests/kit"
)

// The beginnings of configs that are good but for what follows.
const (
	head = `{"ociVersion":"1.0.2","root":{"path":"rootfs"},`
	rest = `"process":{"cwd":"/","args":["/bin/payload","true"]},"linux":{"namespaces":[{"type":"pid"},{"type":"mount"}]}`
)

// TestConfigFile: what is no config.json, or not one that can be read.
func TestConfigFile(t *testing.T) {
	remove := func(b *kit.Bundle) { os.Remove(b.Dir + "/config.json") }
	for _, r := range []row{
		{name: "no config.json", set: remove, want: []string{"$BUNDLE/config.json: no such file or directory"}},
		{name: "no bundle", args: []string{"create", "-b", "$BUNDLE/absent", "$ID"}, want: []string{"$BUNDLE/absent", "no such file or directory"}},
		{name: "a bundle that is a file", args: []string{"create", "--bundle", "$BUNDLE/config.json", "$ID"}, want: []string{"$BUNDLE/config.json", "not a directory"}},
		{name: "a config.json that is a directory", set: func(b *kit.Bundle) {
			remove(b)
			os.Mkdir(b.Dir+"/config.json", 0o755)
		}, want: []string{"$BUNDLE/config.json: is a directory"}},
		{name: "a config.json that is a FIFO", set: func(b *kit.Bundle) {
			remove(b)
			syscall.Mkfifo(b.Dir+"/config.json", 0o644)
		}, want: []string{"$BUNDLE/config.json", "not a regular file"}},
		{name: "a config.json that is a socket", set: func(b *kit.Bundle) {
			remove(b)
			syscall.Mknod(b.Dir+"/config.json", syscall.S_IFSOCK|0o644, 0)
		}, want: []string{"$BUNDLE/config.json", "no such device or address"}},
		{name: "a config.json that links to itself", set: func(b *kit.Bundle) {
			remove(b)
			os.Symlink("config.json", b.Dir+"/config.json")
		}, want: []string{"$BUNDLE/config.json: too many levels of symbolic links"}},
		{name: "a config.json that may not be read", set: func(b *kit.Bundle) { os.Chmod(b.Dir+"/config.json", 0) },
			as: (*process).nobody, want: []string{"$BUNDLE/config.json: permission denied"}},
		{name: "an empty config.json", set: func(b *kit.Bundle) { b.WriteConfig(nil) }, want: []string{"$BUNDLE/config.json:1:1: the file is empty"}},
		{name: "a huge config.json", set: func(b *kit.Bundle) { os.Truncate(b.Dir+"/config.json", 17<<20) },
			want: []string{"$BUNDLE/config.json", "file too large"}},
	} {
		r.run(t)
	}
}

// TestJSON: what is no JSON, or not of the right types.
func TestJSON(t *testing.T) {
	for _, r := range []row{
		{name: "torn", text: head + `"process":{"cwd":"/","ar`, want: []string{"$BUNDLE/config.json:1:", "unexpected end"}},
		{name: "torn in a string", text: head + `"hostname":"a`, want: []string{"hostname", "end"}},
		{name: "torn between lines", text: "{\n\"ociVersion\":\n", want: []string{"config.json:3:1: ociVersion", "unexpected end"}},
		{name: "a byte that is not UTF-8", text: head + "\n\"hostname\":\"a\xff\"," + rest + "}",
			want: []string{"$BUNDLE/config.json:2:14: hostname: byte 0xff in a string is not UTF-8"}},
		{name: "half a surrogate pair", text: head + "\n\"hostname\":\"a\\udc00\"," + rest + "}",
			want: []string{`$BUNDLE/config.json:2:14: hostname: \udc00 in a string is half a surrogate pair`}},
		{name: "an array", text: `[]`, want: []string{"want object, got array"}},
		{name: "null", text: `null`, want: []string{"want object, got null"}},
		{name: "no JSON", text: `<config/>`, want: []string{"config.json:1:1", `'<'`}},
		{name: "a byte order mark", text: "\xef\xbb\xbf{}", want: []string{"byte order mark"}},
		{name: "something behind it", text: head + rest + `} {`, want: []string{"unexpected text after the end"}},
		{name: "a trailing comma", text: head + rest + `,}`, want: []string{"config.json:1:"}},
		{name: "single quotes", text: `{'ociVersion':'1.0.2'}`, want: []string{"config.json:1:2"}},
		{name: "deep nesting", text: head + rest + `,"x":` + strings.Repeat("[", 100000) + strings.Repeat("]", 100000) + `}`,
			want: []string{"config.json:1:", "x[0][0]", "…: ", "nest"}},
		{name: "a string for an object", text: head + `"process":"sh"}`, want: []string{"process: want object, got string"}},
		{name: "an object for an array", text: head + `"process":{"args":{}}}`, want: []string{"process.args: want array of strings, got object"}},
		{name: "a number for a string", text: head + `"process":{"args":["sh",1]}}`, want: []string{"process.args[1]: want string, got number"}},
		{name: "a string for a number", text: head + `"process":{"user":{"uid":"root"}}}`, want: []string{"process.user.uid: want", "got string"}},
		{name: "a string for a boolean", text: head + `"process":{"terminal":"yes"}}`, want: []string{"process.terminal: want", "got string"}},
		{name: "an id past 32 bits", text: head + `"process":{"user":{"uid":4294967296}}}`, want: []string{"process.user.uid: want uint32, got 4294967296"}},
		{name: "a negative id", text: head + `"process":{"user":{"gid":-1}}}`, want: []string{"process.user.gid"}},
		{name: "a fraction", text: head + `"process":{"user":{"uid":1.5}}}`, want: []string{"process.user.uid"}},
		{name: "a negative rlimit", text: head + `"process":{"rlimits":[{"type":"RLIMIT_CORE","soft":-1,"hard":0}]}}`,
			want: []string{"process.rlimits[0].soft"}},
		{name: "a broken escape", text: head + `"hostname":"\x"}`, want: []string{"hostname"}},
		{name: "a NUL in args", text: head + `"process":{"cwd":"/","args":["/bin/payload","a\u0000b"]}}`, want: []string{"process.args[1]", "NUL"}},
		{name: "a NUL in a path", text: `{"ociVersion":"1.0.2","root":{"path":"rootfs\u0000/etc"}}`, want: []string{"root.path", "NUL"}},
	} {
		r.run(t)
	}
}

// TestVersion: ociVersion.
func TestVersion(t *testing.T) {
	version := func(v string) func(*specs.Spec) { return func(s *specs.Spec) { s.Version = v } }
	for _, r := range []row{
		{name: "none", spec: version(""), want: []string{"ociVersion: got nothing"}},
		{name: "no version", spec: version("latest"), want: []string{`ociVersion: got "latest", want a version`}},
		{name: "two numbers", spec: version("1.0"), want: []string{`ociVersion: got "1.0"`}},
		{name: "of the future", spec: version("2.0.0"), want: []string{`ociVersion: got "2.0.0", want a 1.x version`}},
		{name: "of the past", spec: version("0.2.0"), want: []string{`ociVersion: got "0.2.0", want a 1.x version`}},
	} {
		r.run(t)
	}
}

// TestNamesInAnotherCase: a property that differs from a known one in case only is an unknown one: it is ignored, wherever it is
// read, with a warning.
func TestNamesInAnotherCase(t *testing.T) {
	b := kit.New(t, kit.Args("sleep", "forever"))
	text, err := os.ReadFile(b.Dir + "/config.json")
	must(b, err)
	b.WriteConfig([]byte(strings.Replace(string(text), "{", `{"Process": {"args": 5}, "HOSTNAME": "x", `, 1)))
	warns := func(res kit.Result, log, want string) {
		t.Helper()
		if res.Code != 0 || !strings.Contains(log, "level=warning") || !strings.Contains(strings.ReplaceAll(log, "\\", ""), want) {
			t.Errorf("%v: logged %q: want exit code 0 and a warning with %q", res, log, want)
		}
	}
	res, log := b.Logged("create", b.ID)
	warns(res, log, `HOSTNAME: got a name in another case, want "hostname": it is ignored`)
	warns(res, log, `Process: got a name in another case, want "process": it is ignored`)
	b.OK("start", b.ID)
	must(b, os.WriteFile(b.Dir+"/process.json", []byte(`{"args": ["/bin/payload", "env"], "ENV": ["A=1"], "env": ["HOME=/x"], "cwd": "/"}`), 0o644))
	res, log = b.Logged("exec", "--process", "process.json", b.ID)
	if warns(res, log, `process.json: ENV: got a name in another case, want "env"`); res.Stdout != "HOME=/x\n" {
		t.Errorf("%v: want HOME=/x alone in the environment", res)
	}
	must(b, os.WriteFile(b.Dir+"/resources.json", []byte(`{"CPU": {"shares": "x"}}`), 0o644))
	res, log = b.Logged("update", "--resources", "resources.json", b.ID)
	warns(res, log, `--resources: CPU: got a name in another case, want "cpu"`)
	if res := b.OK("validate"); !strings.Contains(res.Stdout, `warning: /HOSTNAME: got a name in another case, want "hostname"`) {
		t.Errorf("%v: want a warning of HOSTNAME", res)
	}
}
