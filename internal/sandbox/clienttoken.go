package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/db"
)

// isRepeated reports whether the same request was served before, by its
// ClientRequestToken. It returns an error if the token was used for another request.
func (c *call) isRepeated(subject string) (bool, error) {
	_, done, err := c.previousAnswer(subject)
	return done, err
}

// previousAnswer reports whether the same request was served before, and returns its
// answer.
func (c *call) previousAnswer(subject string) (answer string, done bool, err error) {
	token := c.form.Text("ClientRequestToken")
	if token == "" {
		return "", false, nil
	}

	var hash string
	err = c.Tx.QueryRow(`SELECT hash, answer FROM token WHERE account = $1 AND region = $2 AND operation = $3
		AND stack = $4 AND token = $5`,
		c.caller.account, c.caller.region, c.action, subject, token).Scan(&hash, &answer)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, err
	case hash != c.hash():
		return "", false, &awsquery.Error{Code: "TokenAlreadyExistsException",
			Message: "A client request token already exists: " + syntax.Clip(token)}
	}

	return answer, true, nil
}

// recordToken records the request's token, if there is one, with the answer.
func (c *call) recordToken(subject, answer string) error {
	token := c.form.Text("ClientRequestToken")
	if token == "" {
		return nil
	}
	_, err := c.Tx.Exec(`INSERT INTO token (account, region, operation, stack, token, hash, answer, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.caller.account, c.caller.region, c.action, subject, token, c.hash(), answer, c.Now())
	return err
}

func (c *call) hash() string {
	sum := sha256.Sum256([]byte(c.form.Encode()))
	return hex.EncodeToString(sum[:])
}
