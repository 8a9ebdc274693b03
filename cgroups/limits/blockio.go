package limits

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

const fieldBlockIO = "linux.resources.blockIO"

// What a control file of block I/O is missing without, for messages.
const (
	needsBFQ      = "needs the I/O scheduler BFQ"
	needsCFQ      = "needs the I/O scheduler CFQ, which Linux has not had since 5.0"
	needsIOCost   = "needs BFQ or CONFIG_BLK_CGROUP_IOCOST"
	needsThrottle = "needs CONFIG_BLK_DEV_THROTTLING"
)

// Weights were from 10 to 1000 under CFQ; BFQ goes down to 1 (block/bfq-iosched.h).
const minWeight, minBFQWeight, maxWeight = 10, 1, 1000

// A device number has 12 and 20 bits (include/linux/kdev_t.h); the kernel cuts off larger ones without a word.
const maxMajor, maxMinor = 1<<12 - 1, 1<<20 - 1

// blockIO is the controller blkio of v1, io of v2. Docker sends a weight of zero and empty lists for "not set".
func (c *compiler) blockIO(r *specs.LinuxResources) error {
	b := r.BlockIO
	if b == nil {
		return nil
	}
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"weight", value(b.Weight) != 0},
		{"leafWeight", value(b.LeafWeight) != 0},
		{"weightDevice", len(b.WeightDevice) != 0},
		{"throttleReadBpsDevice", len(b.ThrottleReadBpsDevice) != 0},
		{"throttleWriteBpsDevice", len(b.ThrottleWriteBpsDevice) != 0},
		{"throttleReadIOPSDevice", len(b.ThrottleReadIOPSDevice) != 0},
		{"throttleWriteIOPSDevice", len(b.ThrottleWriteIOPSDevice) != 0},
	} {
		if !f.set {
			continue
		}
		v, err := c.blockIOVersion(fieldBlockIO + "." + f.name)
		if err != nil {
			return err
		}
		if err := c.weights(b, v); err != nil {
			return err
		}
		return c.throttles(b, v)
	}
	return nil
}

// blockIOVersion looks for both names of the controller.
func (c *compiler) blockIOVersion(field string) (Version, error) {
	switch {
	case c.host.Version("blkio") == V1:
		return V1, nil
	case c.host.Version("io") == V2:
		return V2, nil
	}
	return None, fmt.Errorf("%s: no blkio or io cgroup controller", field)
}

// weigher knows the files for weights, and how they count.
type weigher struct {
	controller  string
	file        string // of the cgroup's weight, and on v2 of those per device
	deviceFile  string
	leaf        bool // there may be weights against the cgroup's children
	min         uint16
	needs       string
	proportions func(uint16) uint64
}

// weigher finds out by which files the host's kernel takes weights. BFQ's come first on v2, as in runc: where BFQ is
// not the scheduler of a device, io.weight has an effect only where iocost was turned on for it.
func (c *compiler) weigher(v Version) weigher {
	same := func(w uint16) uint64 { return uint64(w) }
	there := func(controller, file string) bool {
		_, err := c.host.Read(controller, file)
		return !errors.Is(err, fs.ErrNotExist)
	}
	switch {
	case v == V1 && there("blkio", "blkio.weight"):
		return weigher{"blkio", "blkio.weight", "blkio.weight_device", true, minWeight, needsCFQ, same}
	case v == V1:
		return weigher{"blkio", "blkio.bfq.weight", "blkio.bfq.weight_device", true, minBFQWeight, needsBFQ, same}
	case there("io", "io.bfq.weight"):
		return weigher{"io", "io.bfq.weight", "io.bfq.weight", false, minBFQWeight, needsBFQ, same}
	}
	return weigher{"io", "io.weight", "io.weight", false, minWeight, needsIOCost, IOWeight}
}

func (c *compiler) weights(b *specs.LinuxBlockIO, v Version) error {
	if value(b.Weight) == 0 && value(b.LeafWeight) == 0 && len(b.WeightDevice) == 0 {
		return nil
	}
	w := c.weigher(v)
	if n := value(b.Weight); n != 0 {
		if err := c.weight(w, w.file, "", n, fieldBlockIO+".weight"); err != nil {
			return err
		}
	}
	if n := value(b.LeafWeight); n != 0 {
		if err := c.leafWeight(w, "blkio.leaf_weight", "", n, fieldBlockIO+".leafWeight"); err != nil {
			return err
		}
	}
	for i := range b.WeightDevice {
		d, field := &b.WeightDevice[i], fmt.Sprintf("%s.weightDevice[%d]", fieldBlockIO, i)
		device, err := deviceNumber(d.LinuxBlockIODevice, field)
		if err != nil {
			return err
		}
		weight, leaf := value(d.Weight), value(d.LeafWeight)
		if weight == 0 && leaf == 0 {
			return fmt.Errorf("%s: has neither weight nor leafWeight", field)
		}
		if weight != 0 {
			if err := c.weight(w, w.deviceFile, device+" ", weight, field+".weight"); err != nil {
				return err
			}
		}
		if leaf != 0 {
			if err := c.leafWeight(w, "blkio.leaf_weight_device", device+" ", leaf, field+".leafWeight"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compiler) weight(w weigher, file, prefix string, n uint16, field string) error {
	if n < w.min || n > maxWeight {
		return fmt.Errorf("%s: %d: must be between %d and %d", field, n, w.min, maxWeight)
	}
	text := prefix + strconv.FormatUint(w.proportions(n), 10)
	c.write(Write{Controller: w.controller, File: file, Value: text, Field: field, Needs: w.needs})
	return nil
}

func (c *compiler) leafWeight(w weigher, file, prefix string, n uint16, field string) error {
	if !w.leaf {
		return fmt.Errorf("%s: no equivalent on cgroup v2", field)
	}
	if n < minWeight || n > maxWeight {
		return fmt.Errorf("%s: %d: must be between %d and %d", field, n, minWeight, maxWeight)
	}
	text := prefix + strconv.FormatUint(uint64(n), 10)
	c.write(Write{Controller: w.controller, File: file, Value: text, Field: field, Needs: needsCFQ})
	return nil
}

// IOWeight converts a weight of 10 to 1000 to one of io.weight, 1 to 10000, as runc and crun do. The default of the
// one, 500, becomes 4950, not the default of the other, 100.
func IOWeight(weight uint16) uint64 { return 1 + (uint64(weight)-minWeight)*9999/990 }

// throttles: each limit is a write of its own on v2 too, where io.max keeps what a line does not name. A rate of zero
// is none on v1 (block/blk-throttle.c, tg_set_conf), and "max" says the same on v2, which refuses a zero.
func (c *compiler) throttles(b *specs.LinuxBlockIO, v Version) error {
	for _, l := range []struct {
		list           []specs.LinuxThrottleDevice
		field, v1, key string
		max            uint64
	}{
		{b.ThrottleReadBpsDevice, "throttleReadBpsDevice", "read_bps_device", "rbps", math.MaxUint64},
		{b.ThrottleWriteBpsDevice, "throttleWriteBpsDevice", "write_bps_device", "wbps", math.MaxUint64},
		// The kernel keeps these in 32 bits: v1 cuts off the rest, v2 takes a larger one for no limit.
		{b.ThrottleReadIOPSDevice, "throttleReadIOPSDevice", "read_iops_device", "riops", math.MaxUint32},
		{b.ThrottleWriteIOPSDevice, "throttleWriteIOPSDevice", "write_iops_device", "wiops", math.MaxUint32},
	} {
		for i := range l.list {
			d, field := &l.list[i], fmt.Sprintf("%s.%s[%d]", fieldBlockIO, l.field, i)
			device, err := deviceNumber(d.LinuxBlockIODevice, field)
			if err != nil {
				return err
			}
			if d.Rate > l.max {
				return fmt.Errorf("%s.rate: %d: must be at most %d", field, d.Rate, l.max)
			}
			rate := strconv.FormatUint(d.Rate, 10)
			w := Write{Controller: "blkio", File: "blkio.throttle." + l.v1, Value: device + " " + rate, Field: field, Needs: needsThrottle}
			if v == V2 {
				if d.Rate == 0 {
					rate = "max"
				}
				w.Controller, w.File, w.Value = "io", "io.max", device+" "+l.key+"="+rate
			}
			c.write(w)
		}
	}
	return nil
}

// deviceNumber is "MAJOR:MINOR".
func deviceNumber(d specs.LinuxBlockIODevice, field string) (string, error) {
	switch {
	case d.Major < 0 || d.Major > maxMajor:
		return "", fmt.Errorf("%s.major: %d: must be between 0 and %d", field, d.Major, maxMajor)
	case d.Minor < 0 || d.Minor > maxMinor:
		return "", fmt.Errorf("%s.minor: %d: must be between 0 and %d", field, d.Minor, maxMinor)
	}
	return strconv.FormatInt(d.Major, 10) + ":" + strconv.FormatInt(d.Minor, 10), nil
}
