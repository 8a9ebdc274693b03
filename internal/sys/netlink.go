package sys

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// Messages, flags and attributes of rtnetlink(7).
const (
	SizeofNlMsghdr  = unix.SizeofNlMsghdr
	SizeofIfInfomsg = unix.SizeofIfInfomsg
	SizeofIfAddrmsg = unix.SizeofIfAddrmsg
	SizeofRtAttr    = unix.SizeofRtAttr

	NlmsgError = unix.NLMSG_ERROR
	NlmsgDone  = unix.NLMSG_DONE
	RtmSetlink = unix.RTM_SETLINK
	RtmNewlink = unix.RTM_NEWLINK
	RtmGetlink = unix.RTM_GETLINK
	RtmNewaddr = unix.RTM_NEWADDR
	RtmGetaddr = unix.RTM_GETADDR

	NlmFRequest  = unix.NLM_F_REQUEST
	NlmFAck      = unix.NLM_F_ACK
	NlmFDump     = unix.NLM_F_DUMP
	NlmFMulti    = unix.NLM_F_MULTI
	NlmFCreate   = unix.NLM_F_CREATE
	NlmFExcl     = unix.NLM_F_EXCL
	NlmFDumpIntr = unix.NLM_F_DUMP_INTR
	NlmFCapped   = unix.NLM_F_CAPPED
	NlmFAckTlvs  = unix.NLM_F_ACK_TLVS

	NlaTypeMask = 0x3fff // without NLA_F_NESTED and NLA_F_NET_BYTEORDER

	NlmsgerrAttrMsg = unix.NLMSGERR_ATTR_MSG

	IflaIfname     = unix.IFLA_IFNAME
	IflaExtMask    = unix.IFLA_EXT_MASK
	IflaNetNsFd    = unix.IFLA_NET_NS_FD
	IflaNewIfindex = unix.IFLA_NEW_IFINDEX
	IflaPermAddr   = unix.IFLA_PERM_ADDRESS // Linux 5.6

	IfaAddress    = unix.IFA_ADDRESS
	IfaLocal      = unix.IFA_LOCAL
	IfaLabel      = unix.IFA_LABEL
	IfaBroadcast  = unix.IFA_BROADCAST
	IfaCacheinfo  = unix.IFA_CACHEINFO
	IfaFlags      = unix.IFA_FLAGS
	IfaRtPriority = unix.IFA_RT_PRIORITY
	IfaProto      = 11 // IFA_PROTO, Linux 5.18

	IfaFPermanent   = unix.IFA_F_PERMANENT
	RtScopeUniverse = unix.RT_SCOPE_UNIVERSE

	// RtextFilterSkipStats leaves the counters out of what the kernel says of a link.
	RtextFilterSkipStats = 1 << 3

	Ifnamsiz = unix.IFNAMSIZ
)

// netlinkWait bounds the wait for a reply, in seconds. The kernel has it ready when the request returns; only a dump of
// many messages is filled while it is read.
const netlinkWait = 10

// RouteSocket makes a NETLINK_ROUTE socket in the network namespace that the open file ns stands for, or in this
// process's own for -1. Errors come with the kernel's own words (NETLINK_EXT_ACK, Linux 4.12) and without the request
// (NETLINK_CAP_ACK, 4.3), dumps are filtered by what their header asks for (NETLINK_GET_STRICT_CHK, 4.20).
func RouteSocket(ns int) (int, error) {
	if ns < 0 {
		return routeSocket()
	}
	fd := -1
	err := inNetNamespace(ns, func() (err error) {
		fd, err = routeSocket()
		return err
	})
	return fd, err
}

func routeSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, os.NewSyscallError("socket NETLINK_ROUTE", err)
	}
	for _, opt := range [...]int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1)
		}
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: netlinkWait})
	}
	if err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("setsockopt NETLINK_ROUTE", err)
	}
	return fd, nil
}

// inNetNamespace calls f on a thread that is in the network namespace ns, and goes back to where it was. A thread that
// cannot go back is kept for nothing: to let it end would kill a child that it has started (PR_SET_PDEATHSIG).
func inNetNamespace(ns int, f func() error) error {
	done := make(chan error)
	go onOtherThread(func() {
		home, err := Openat(AtFdcwd, "/proc/thread-self/ns/net", ORdonly, 0)
		if err != nil {
			done <- &os.PathError{Op: "open", Path: "/proc/thread-self/ns/net", Err: err}
			runtime.UnlockOSThread()
			return
		}
		defer Close(home)
		if err = os.NewSyscallError("setns CLONE_NEWNET", unix.Setns(ns, unix.CLONE_NEWNET)); err == nil {
			err = f()
			if unix.Setns(home, unix.CLONE_NEWNET) != nil {
				done <- err
				select {}
			}
		}
		done <- err
		runtime.UnlockOSThread()
	})
	return <-done
}

// NetlinkSend sends one request to the kernel.
func NetlinkSend(fd int, msg []byte) error {
	return os.NewSyscallError("sendto NETLINK_ROUTE", unix.Sendto(fd, msg, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}))
}

// NetlinkRecv receives one datagram, whole, of whatever size. It is EBADMSG when it did not come from the kernel.
func NetlinkRecv(fd int) ([]byte, error) {
	var buf []byte
	for flags := unix.MSG_PEEK | unix.MSG_TRUNC; ; flags = 0 {
		n, from, err := unix.Recvfrom(fd, buf, flags)
		for err == unix.EINTR {
			n, from, err = unix.Recvfrom(fd, buf, flags)
		}
		if err != nil {
			return nil, os.NewSyscallError("recvfrom NETLINK_ROUTE", err)
		}
		if flags != 0 {
			buf = make([]byte, n)
			continue
		}
		if sa, ok := from.(*unix.SockaddrNetlink); !ok || sa.Pid != 0 {
			return nil, os.NewSyscallError("recvfrom NETLINK_ROUTE", unix.EBADMSG)
		}
		return buf[:n], nil
	}
}
