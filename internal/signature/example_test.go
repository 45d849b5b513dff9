package signature_test

import (
	"fmt"
	"os"
	"time"

	"github.com/lockstephq/lockstep/internal/signature"
)

func ExampleAllowedSigners_Verify() {
	list, err := os.ReadFile("testdata/allowed_signers")
	if err != nil {
		fmt.Println(err)
		return
	}

	signers, err := signature.Parse(string(list), "")
	if err != nil {
		fmt.Println(err)
		return
	}

	for _, name := range []string{"ssh-ed25519", "unsigned"} {
		commit, err := os.ReadFile("testdata/" + name + ".commit")
		if err != nil {
			fmt.Println(err)
			return
		}

		signer, err := signers.Verify(commit, time.Now())
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("signed by", signer.Name)
	}

	// Output:
	// signed by ed25519@example.com
	// The commit was not accepted: it is not signed.
}
