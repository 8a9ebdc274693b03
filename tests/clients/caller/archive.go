package caller

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"runtime"
	"testing"
)

// OCIImage is one of an [Archive]: a layer and what its configuration says.
type OCIImage struct {
	Name  string
	Layer []byte // a tar archive
	User  string
	Env   []string
	Cmd   []string
}

const (
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// descriptor is that of the OCI image-spec.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// archive is an OCI image layout as a tar file.
type archive struct {
	t       testing.TB
	tar     *tar.Writer
	written map[string]bool
}

// Archive writes the images as an OCI image layout, with names that containerd reads.
func Archive(t testing.TB, w io.Writer, images ...OCIImage) {
	t.Helper()
	a := &archive{t, tar.NewWriter(w), map[string]bool{}}
	a.file("oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`))
	var index []descriptor
	for _, i := range images {
		index = append(index, a.image(i))
	}
	a.file("index.json", a.json(map[string]any{"schemaVersion": 2, "manifests": index}))
	a.check(a.tar.Close())
}

func (a *archive) image(i OCIImage) descriptor {
	layer := a.blob(mediaLayer, i.Layer)
	config := a.blob(mediaConfig, a.json(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Env": i.Env, "Cmd": i.Cmd, "User": i.User},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	}))
	manifest := a.blob(mediaManifest, a.json(map[string]any{
		"schemaVersion": 2, "mediaType": mediaManifest, "config": config, "layers": []descriptor{layer},
	}))
	manifest.Annotations = map[string]string{"io.containerd.image.name": i.Name}
	return manifest
}

func (a *archive) json(v any) []byte {
	b, err := json.Marshal(v)
	a.check(err)
	return b
}

// blob writes data unless an image before has it too.
func (a *archive) blob(media string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	name := hex.EncodeToString(sum[:])
	if !a.written[name] {
		a.written[name] = true
		a.file("blobs/sha256/"+name, data)
	}
	return descriptor{MediaType: media, Digest: "sha256:" + name, Size: len(data)}
}

func (a *archive) file(name string, data []byte) {
	a.check(a.tar.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(data))}))
	_, err := a.tar.Write(data)
	a.check(err)
}

func (a *archive) check(err error) {
	a.t.Helper()
	if err != nil {
		a.t.Fatalf("unexpected error: %v", err)
	}
}
