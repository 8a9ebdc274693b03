// Package badinput gives teu what it cannot work with: configurations, bundles, command lines, state directories. Each
// has to be answered with one clear line and an exit code, and to leave the world as it was.
package badinput
