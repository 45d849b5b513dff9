package policy

// Validate validates a policy text against the limits, Cedar's grammar and the
// schema (schema.cedarschema). It returns a *SyntaxError, or nil. Roles and names
// that do not exist yet are valid.
func Validate(document string) error {
	tokens, err := tokenize(document)
	if err != nil {
		return err
	}

	policies, err := parseTokens(document, tokens)
	if err != nil {
		return err
	}
	if len(policies) == 0 {
		return tokens[0].errorf("This text contains no policy: a policy begins with permit or forbid.")
	}

	if err := checkEntityNames(tokens); err != nil {
		return err
	}

	validator, broken := newValidator()
	if broken != nil {
		return broken
	}

	for i, statement := range policies {
		last := len(tokens)
		if i+1 < len(policies) {
			last = indexAtOffset(tokens, policies[i+1].Position().Offset)
		}

		err := validator.checkStatement(statement.AST(),
			tokens[indexAtOffset(tokens, statement.Position().Offset):last])
		if err != nil {
			return err
		}
	}

	return nil
}

// indexAtOffset returns the index of the token at an offset.
func indexAtOffset(tokens []token, offset int) int {
	for i, t := range tokens {
		if t.offset >= offset {
			return i
		}
	}
	return len(tokens)
}
