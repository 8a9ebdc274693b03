package clients

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"runtime"
	"testing"
)

// The images that the daemon gets: both hold busybox and nothing else; the second wants another user.
const (
	image     = "localhost/busybox:1"
	userImage = "localhost/user:1"
)

const (
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// busybox is the static one of busybox-static.
const busybox = "/bin/busybox"

// descriptor is that of the OCI image-spec.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// archive is an OCI image layout as a tar file.
type archive struct {
	t     *testing.T
	tar   *tar.Writer
	index []descriptor
}

// writeImages writes an archive of the two images.
func writeImages(t *testing.T, w io.Writer) {
	a := &archive{t: t, tar: tar.NewWriter(w)}
	layer := rootfs(t)
	a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	l := a.blob(mediaLayer, layer)
	a.image(image, "", l)
	a.image(userImage, "1000:100", l)
	a.file("index.json", a.json(map[string]any{"schemaVersion": 2, "manifests": a.index}))
	check(t, a.tar.Close())
}

func (a *archive) image(name, user string, layer descriptor) {
	config := a.blob(mediaConfig, a.json(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": []string{"PATH=/bin", "FROM=image"}, "Cmd": []string{"/bin/sh"}, "User": user},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	}))
	manifest := a.blob(mediaManifest, a.json(map[string]any{
		"schemaVersion": 2, "mediaType": mediaManifest, "config": config, "layers": []descriptor{layer},
	}))
	manifest.Annotations = map[string]string{"io.containerd.image.name": name}
	a.index = append(a.index, manifest)
}

func (a *archive) json(v any) []byte {
	b, err := json.Marshal(v)
	check(a.t, err)
	return b
}

func (a *archive) blob(media string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	a.file("blobs/sha256/"+name, data)
	return descriptor{MediaType: media, Digest: "sha256:" + name, Size: len(data)}
}

func (a *archive) file(name string, data []byte) {
	check(a.t, a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}))
	_, err := a.tar.Write(data)
	check(a.t, err)
}

// rootfs is the layer: busybox with its names, and the files that tell users.
func rootfs(t *testing.T) []byte {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	add := func(h tar.Header, data []byte) {
		h.Size = int64(len(data))
		check(t, w.WriteHeader(&h))
		_, err := w.Write(data)
		check(t, err)
	}
	for _, dir := range []string{"bin", "etc", "proc", "sys", "dev", "root"} {
		add(tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755}, nil)
	}
	add(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil)
	binary, err := os.ReadFile(busybox)
	check(t, err)
	add(tar.Header{Name: "bin/busybox", Mode: 0o755}, binary)
	for _, name := range []string{
		"awk", "cat", "echo", "env", "false", "grep", "id", "ls", "mount", "pwd", "sh", "sleep", "touch", "true", "tty",
	} {
		add(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + name, Linkname: "busybox", Mode: 0o777}, nil)
	}
	add(tar.Header{Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:100::/home/user:/bin/sh\n"))
	add(tar.Header{Name: "etc/group", Mode: 0o644}, []byte("root:x:0:\nusers:x:100:\n"))
	check(t, w.Close())
	return buf.Bytes()
}
