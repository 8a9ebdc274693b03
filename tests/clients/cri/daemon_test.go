// Package cri runs teu as a Kubernetes node does: containerd 1.6 of Debian, driven by the Container Runtime Interface.
package cri

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	v1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"teu/tests/clients/caller"
	"teu/tests/kit"
)

// TestMain gives the suite a network of its own: it is the host's for pods, and has bridges and rules of iptables.
func TestMain(m *testing.M) { kit.Main(m, kit.Options{Namespaces: syscall.CLONE_NEWNET}) }

const (
	image     = "localhost/busybox:1"
	userImage = "localhost/user:1"
	pause     = "localhost/pause:1"
	namespace = "k8s.io" // of the plugin in containerd
	subnet    = "10.213.78.0/24"
)

// config has a handler for each runtime, and [unlogged]. Without CAP_SYS_RESOURCE no pod could get the score of -998 that it has by
// default.
const config = `
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "` + pause + `"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  BinaryName = "%s"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.teu]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.teu.options]
  BinaryName = "%s"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.` + unlogged + `]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.` + unlogged + `.options]
  BinaryName = "DIR/unlogged"
`

// bg is what calls go by; each has a time limit of its own.
var bg = context.Background()

// cri is a daemon of the test's own and a client of its Container Runtime Interface.
type cri struct {
	*caller.T
	*caller.Containerd
	runtime v1.RuntimeServiceClient
	images  v1.ImageServiceClient
	count   *atomic.Int32 // of pods and containers
}

// With is the client in a check.
func (c cri) With(t *caller.T) cri {
	c.T = t
	return c
}

func start(t testing.TB, r caller.Runtime) cri {
	t.Helper()
	c := cri{T: &caller.T{Runtime: r}, count: new(atomic.Int32)}
	c.Containerd = caller.StartContainerd(t, r, nil, fmt.Sprintf(config, caller.Runc.Path, kit.Teu()))
	c.makeUnlogged()
	c.Network("teu-cri0", subnet, true)
	t.Cleanup(c.LookAtNetwork)
	conn, err := grpc.NewClient("unix://"+c.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(limited))
	if err != nil {
		t.Fatalf("make a client of %s: %v", c.Socket, err)
	}
	t.Cleanup(func() { conn.Close() })
	c.runtime, c.images = v1.NewRuntimeServiceClient(conn), v1.NewImageServiceClient(conn)
	layer := caller.Busybox(t)
	env := []string{"PATH=/bin", "FROM=image"}
	c.Import(namespace, caller.OCIImage{Name: image, Layer: layer, Env: env, Cmd: []string{"sh"}},
		caller.OCIImage{Name: userImage, Layer: layer, Env: env, User: "1000:100"},
		caller.OCIImage{Name: pause, Layer: layer, Env: env, Cmd: []string{"sleep", "1000000"}})
	// The plugin hears of the images and of the network by and by.
	c.Containerd.Until("the daemon is ready", func() bool {
		for _, name := range []string{image, userImage, pause} {
			got, err := c.images.ImageStatus(bg, &v1.ImageStatusRequest{Image: &v1.ImageSpec{Image: name}})
			if err != nil || got.Image == nil {
				return false
			}
		}
		got, err := c.runtime.Status(bg, &v1.StatusRequest{})
		return err == nil && condition(got.Status, v1.NetworkReady) && condition(got.Status, v1.RuntimeReady)
	})
	return c
}

// limited ends a call after a time.
func limited(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, call grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	ctx, cancel := context.WithTimeout(ctx, caller.Limit)
	defer cancel()
	return call(ctx, method, req, reply, cc, opts...)
}

func condition(s *v1.RuntimeStatus, kind string) bool {
	for _, c := range s.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return false
}

// got ends the check when a call had an error, and is its answer.
func got[R any](answer R, err error) func(*caller.T) R {
	return func(t *caller.T) R {
		t.Check(err)
		return answer
	}
}

// fails notes it when there is no error, or it does not say what it should.
func (c cri) fails(err error, text string) {
	if err == nil || !strings.Contains(err.Error(), text) {
		c.Errorf("got error %v, want %q in it", err, text)
	}
}

// is notes it when what is said is not what it should be.
func (c cri) is(what string, is, want any) {
	if is != want {
		c.Errorf("%s: got %#v, want %#v", what, is, want)
	}
}

// Tidy removes the pods that a check has left, with their containers.
func (c cri) Tidy() {
	for _, p := range got(c.runtime.ListPodSandbox(bg, &v1.ListPodSandboxRequest{}))(c.T).Items {
		c.remove(p.Id)
	}
	if list := got(c.runtime.ListContainers(bg, &v1.ListContainersRequest{}))(c.T).Containers; len(list) > 0 {
		c.Errorf("containers without a pod: got %v, want none", list)
	}
}

// remove stops and removes a pod. Nothing of it may be left.
func (c cri) remove(id string) {
	got(c.runtime.StopPodSandbox(bg, &v1.StopPodSandboxRequest{PodSandboxId: id}))(c.T)
	got(c.runtime.RemovePodSandbox(bg, &v1.RemovePodSandboxRequest{PodSandboxId: id}))(c.T)
	if left := kit.Left(id); len(left) > 0 {
		c.Errorf("left of the pod: %q, want nothing", left)
	}
}

// file makes a file on the host.
func (c cri) file(name, text string) string {
	path := filepath.Join(c.Dir, "files", name)
	c.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	c.Check(os.WriteFile(path, []byte(text), 0o644))
	return path
}
