package main

import (
	"fmt"
	"os"
	"strings"
	"syscall"
)

// pose runs itself under another name, with the arguments of the process that waits for start, and stays.
func pose() bool {
	if strings.Join(os.Args, " ") == "teu init 3" {
		fmt.Println("posing")
		for {
			syscall.Pause()
		}
	}
	if len(os.Args) != 3 || os.Args[1] != "pose" {
		return false
	}
	name := "/tmp/" + os.Args[2]
	text, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(name, text, 0o755)
	}
	if err == nil {
		err = syscall.Exec(name, []string{"teu", "init", "3"}, nil)
	}
	fmt.Println(err)
	return true
}
