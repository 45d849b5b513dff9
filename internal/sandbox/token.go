package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/lockstephq/lockstep/internal/awsquery"
	"github.com/lockstephq/lockstep/internal/cfn/syntax"
	"github.com/lockstephq/lockstep/internal/db"
)

// isRepeated reports whether the request's ClientRequestToken was used before, for
// the same request; then it has been done. For another it is refused.
func (c *call) isRepeated(subject string) (bool, error) {
	_, done, err := c.previousAnswer(subject)
	return done, err
}

// previousAnswer is repeated with the answer that was given then.
func (c *call) previousAnswer(subject string) (answer string, done bool, err error) {
	token := c.form.Text("ClientRequestToken")
	if token == "" {
		return "", false, nil
	}

	var hash string
	err = c.Tx.QueryRow(`SELECT hash, answer FROM token WHERE account = $1 AND region = $2 AND operation = $3 AND stack = $4 AND token = $5`,
		c.who.account, c.who.region, c.action, subject, token).Scan(&hash, &answer)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return "", false, nil
	case err != nil:
		return "", false, err
	case hash != c.hash():
		return "", false, &awsquery.Error{Code: "TokenAlreadyExistsException", Message: "A client request token already exists: " + syntax.Clip(token)}
	}

	return answer, true, nil
}

// recordToken notes the request's token, if it has one.
func (c *call) recordToken(subject, answer string) error {
	token := c.form.Text("ClientRequestToken")
	if token == "" {
		return nil
	}
	_, err := c.Tx.Exec(`INSERT INTO token (account, region, operation, stack, token, hash, answer, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		c.who.account, c.who.region, c.action, subject, token, c.hash(), answer, c.Now())
	return err
}

func (c *call) hash() string {
	sum := sha256.Sum256([]byte(c.form.Encode()))
	return hex.EncodeToString(sum[:])
}
