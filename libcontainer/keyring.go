package libcontainer

import (
	"encoding/hex"

	"teu/internal/sys"
)

// keyringName is a name for the session keyring of container id that nobody guesses. Keyrings are found by name in all of a user
// namespace: whoever makes one of that name first, or joins it later, has the keys of the container (keyctl_join_session_keyring(3)).
func keyringName(id string) (string, error) {
	var b [8]byte
	if err := sys.Random(b[:]); err != nil {
		return "", err
	}
	return "_ses." + id + "." + hex.EncodeToString(b[:]), nil
}
