package docker

import (
	"os"
	"path/filepath"
	"strings"

	"teu/tests/clients/caller"
)

const dockerfile = `FROM bb
RUN echo built >/built && id -u >>/built
RUN chown 1000 /built && echo more >>/built
COPY file /file
ENV A=b
USER 1000
CMD ["sh", "-c", "cat /built /file; id -u; echo $A"]
`

const composeFile = `version: "2.4"
services:
  one:
    image: bb
    command: sh -c "echo one is $$WHO; while :; do echo -e 'HTTP/1.0 200 OK\r\n\r\nhello' | nc -l -p 8000; done"
    environment: {WHO: me}
    mem_limit: 64m
  two:
    image: bb
    depends_on: [one]
    command: sh -c "until wget -qO- http://one:8000; do sleep 0.1; done"
`

var imageChecks = checks{
	{Name: "build", Do: func(d docker) { d.build("0") }},
	{Name: "build, BuildKit", Do: func(d docker) { d.build("1") }},
	{Name: "build, failing", Do: func(d docker) {
		file := d.File("failing/Dockerfile", "FROM bb\nRUN exit 5\n", 0o644)
		d.Fails(5, "returned a non-zero code: 5", "build", filepath.Dir(file))
		file = d.File("failing/Dockerfile", "FROM bb\nRUN [\"/bin/nothing\"]\n", 0o644)
		d.Fails(1, "no such file or directory", "build", filepath.Dir(file))
	}},
	{Name: "compose", Do: func(d docker) {
		file := d.File("compose/docker-compose.yml", composeFile, 0o644)
		compose := d
		compose.Program = caller.Program{Args: []string{"/usr/bin/docker-compose", "--file", file, "--no-ansi"}, Env: d.env}
		compose.OK("up", "--detach")
		d.Cleanup(func() { compose.OK("down", "--timeout", "0", "--volumes") })
		caller.Until(d.T, "the one has heard the other", func() bool { return strings.Contains(compose.OK("logs", "two"), "hello") })
		if text := compose.OK("logs", "one"); !strings.Contains(text, "one is me") {
			d.Errorf("log of the first service: got %q, want %q in it", text, "one is me")
		}
		if text := compose.OK("exec", "-T", "one", "hostname"); len(text) != 12 {
			d.Errorf("hostname: got %q, want 12 characters", text)
		}
	}},
	{Name: "nginx and Apache httpd side by side", Do: func(d docker) {
		d.webServers()
	}},
}

// build builds an image from a Dockerfile, and runs it.
func (d docker) build(kit string) {
	file := d.File("build/Dockerfile", dockerfile, 0o644)
	dir := filepath.Dir(file)
	d.Check(os.WriteFile(dir+"/file", []byte("copied\n"), 0o644))
	b := d
	b.Program.Env = append(d.env[:len(d.env):len(d.env)], "DOCKER_BUILDKIT="+kit)
	b.OK("build", "--no-cache", "--network=none", "--tag", "built", dir)
	d.Want(0, "built\n0\nmore\ncopied\n1000\nb", "run", "--rm", "built")
	d.OK("rmi", "built")
}
