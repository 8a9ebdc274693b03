package libcontainer

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func ids(container, host, size uint32) []specs.LinuxIDMapping {
	return []specs.LinuxIDMapping{{ContainerID: container, HostID: host, Size: size}}
}

// withUserNS has a new user namespace in two parts, so that what is relative to it shows.
func withUserNS(s *specs.Spec, f *initFacts) {
	s.Linux.UIDMappings = append(ids(0, 1000, 10), ids(10, 5000, 90)...)
	s.Linux.GIDMappings = append(ids(0, 2000, 10), ids(10, 6000, 90)...)
	newNamespace(specs.UserNamespace)(s, f)
}

// mountFields are what mounts[] can say.
var mountFields = []with{
	{"every-attribute", mounts(specs.Mount{Destination: "/data", Source: "/src", Options: []string{
		"bind", "ro", "nosuid", "nodev", "noexec", "nosymfollow", "noatime", "nodiratime",
	}})},
	{"every-attribute-cleared", mounts(specs.Mount{Destination: "/data", Source: "/src", Options: []string{
		"bind", "rw", "suid", "dev", "exec", "symfollow", "strictatime", "diratime",
	}})},
	{"recursive-attributes", mounts(specs.Mount{Destination: "/data", Source: "/src", Options: []string{
		"rbind", "rro", "rnosuid", "rnodev", "rnoexec", "rnosymfollow", "rnoatime", "rnodiratime",
	}})},
	{"recursive-on-a-new-filesystem", mounts(specs.Mount{Destination: "/data", Type: "tmpfs", Options: []string{"rro", "rnoatime", "mode=700"}})},
	{"propagation", mounts(specs.Mount{Destination: "/data", Source: "/src", Options: []string{"rbind", "rslave", "shared", "unbindable"}})},
	{"propagation-new-filesystem", mounts(specs.Mount{Destination: "/data", Type: "ramfs", Options: []string{"rshared", "rprivate", "runbindable"}})},
	{"superblock-flags", mounts(specs.Mount{Destination: "/data", Type: "ramfs", Options: []string{"sync", "dirsync", "lazytime"}})},
	{"superblock-flags-taken-back", mounts(specs.Mount{Destination: "/data", Type: "ramfs", Options: []string{"sync", "lazytime", "async", "nolazytime"}})},
	{"iversion", mounts(
		specs.Mount{Destination: "/a", Type: "ext4", Source: "/dev/a", Options: []string{"iversion", "ro"}},
		specs.Mount{Destination: "/b", Type: "ext4", Source: "/dev/b", Options: []string{"iversion", "noiversion"}},
		specs.Mount{Destination: "/c", Type: "xfs", Source: "/dev/c", Options: []string{"iversion"}},
	)},
	{"no-effect", mounts(specs.Mount{Destination: "/data", Type: "ramfs", Options: []string{
		"defaults", "loud", "silent", "mand", "nomand", "auto", "_netdev", "x-a.b=c", "X-mount.mkdir", "comment=d",
	}})},
	{"ignored-on-bind", mounts(specs.Mount{Destination: "/data", Source: "/src", Options: []string{"bind", "sync", "size=1m"}})},
	{"user", mounts(specs.Mount{Destination: "/data", Type: "ramfs", Options: []string{"user", "exec"}})},
	{"tmpfs-mode", mounts(specs.Mount{Destination: "/tmp", Type: "tmpfs", Source: "t", Options: []string{"ro", "nodev"}})},
	{"tmpcopyup", mounts(specs.Mount{Destination: "/var", Type: "tmpfs", Source: "t", Options: []string{"tmpcopyup", "ro", "nosuid"}})},
	{"tmpcopyup-own-mode", mounts(specs.Mount{Destination: "/var", Type: "tmpfs", Options: []string{"tmpcopyup", "mode=755", "uid=1", "gid=2"}})},
	{"remount", mounts(
		specs.Mount{Destination: "/data", Source: "/src", Options: []string{"bind"}},
		specs.Mount{Destination: "/data", Options: []string{"remount", "bind", "ro", "nodev", "size=1m"}},
		specs.Mount{Destination: "/data", Options: []string{"remount", "rnosuid", "slave"}},
	)},
	{"remount-filesystem", mounts(
		specs.Mount{Destination: "/data", Type: "tmpfs", Options: []string{"mode=755"}},
		specs.Mount{Destination: "/data/", Type: "tmpfs", Options: []string{"remount", "ro", "sync", "size=2m", "nolazytime"}},
	)},
	{"remount-root", mounts(specs.Mount{Destination: "/", Options: []string{"remount", "nosuid"}})},
	{"symlinks", mounts(
		specs.Mount{Destination: "/a/b", Source: "/link", Options: []string{"bind", "copy-symlink", "ro"}},
		specs.Mount{Destination: "/c", Source: "/link", Options: []string{"bind", "src-nofollow"}},
		specs.Mount{Destination: "/d", Source: "/file", Options: []string{"bind", "dest-nofollow"}},
	)},
	{"idmap", mounts(specs.Mount{
		Destination: "/data", Source: "/src", Options: []string{"rbind", "idmap"}, UIDMappings: ids(1, 20, 30), GIDMappings: ids(2, 30, 40),
	})},
	{"ridmap-no-option", mounts(
		specs.Mount{Destination: "/a", Source: "/a", Options: []string{"rbind", "ridmap"}, UIDMappings: ids(1, 20, 30), GIDMappings: ids(2, 30, 40)},
		specs.Mount{Destination: "/b", Source: "/b", Options: []string{"bind"}, UIDMappings: ids(1, 20, 30), GIDMappings: ids(2, 30, 40)},
	)},
	{"idmap-new-filesystem", mounts(specs.Mount{
		Destination: "/data", Type: "tmpfs", Source: "t", Options: []string{"idmap", "ro", "size=1m"}, UIDMappings: ids(1, 20, 30), GIDMappings: ids(2, 30, 40),
	})},
	{"idmap-label", both(mounts(specs.Mount{
		Destination: "/data", Type: "tmpfs", Options: []string{"idmap", "mode=700"}, UIDMappings: ids(1, 20, 30), GIDMappings: ids(2, 30, 40),
	}), on(func(s *specs.Spec) { s.Linux.MountLabel = "system_u:object_r:container_file_t:s0" }))},
	{"idmap-container", both(mounts(
		specs.Mount{Destination: "/a", Source: "/a", Options: []string{"bind", "idmap"}},
		specs.Mount{Destination: "/b", Type: "tmpfs", Options: []string{"ridmap", "mode=700"}},
	), withUserNS)},
	{"idmap-text", both(mounts(
		specs.Mount{Destination: "/a", Source: "/a", Options: []string{"bind", "idmap=uids=0-5-2#7-9-1;gids=@0-8-5"}},
		specs.Mount{Destination: "/b", Source: "/b", Options: []string{"rbind", "ridmap=uids=@1-3-4"}},
	), withUserNS)},
	{"source-in-the-root", mounts(
		specs.Mount{Destination: "/made", Type: "tmpfs", Source: "t"},
		specs.Mount{Destination: "/a", Source: "rootfs/made/x", Options: []string{"bind"}},
		specs.Mount{Destination: "/b", Source: "/bundle/rootfs/link", Options: []string{"rbind", "src-nofollow"}},
		specs.Mount{Destination: "/c", Source: "/bundle/rootfs", Options: []string{"rbind"}},
	)},
	{"source-in-the-root-shared", both(propagation("shared"), mounts(
		specs.Mount{Destination: "/made", Type: "tmpfs", Source: "t"},
		specs.Mount{Destination: "/a", Source: "rootfs/made/x", Options: []string{"bind"}},
		specs.Mount{Destination: "/b", Source: "/src", Options: []string{"bind"}},
	))},
	{"source-in-the-root-userns", both(mounts(
		specs.Mount{Destination: "/a", Source: "rootfs/x", Options: []string{"bind"}},
		specs.Mount{Destination: "/b", Source: "/src", Options: []string{"bind"}},
	), withUserNS)},
	{"propagation-runbindable", propagation("runbindable")},
	{"propagation-unbindable", propagation("unbindable")},
	{"propagation-shared", propagation("shared")},
	{"propagation-slave", propagation("slave")},
	{"propagation-private", propagation("private")},
	{"propagation-rshared", propagation("rshared")},
	{"propagation-rshared-volumes", both(propagation("rshared"), mounts(
		specs.Mount{Destination: "/as-root", Source: "/src", Options: []string{"rbind"}},
		specs.Mount{Destination: "/private", Source: "/src", Options: []string{"rbind", "rprivate"}},
	))},
	{"propagation-rslave", propagation("rslave")},
	{"propagation-rprivate", propagation("rprivate")},
}
