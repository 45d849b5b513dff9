package policy

// Validate says what is wrong with a policy's text: a *SyntaxError, or nil. What
// it takes is within the limits, parses, and speaks only of what the schema
// (schema.cedarschema) has. A role or a name that nobody has yet is not wrong.
func Validate(document string) error {
	tokens, err := tokensOf(document)
	if err != nil {
		return err
	}

	policies, err := parseTokens(document, tokens)
	if err != nil {
		return err
	}
	if len(policies) == 0 {
		return tokens[0].errorf("There is no policy in this text: one begins with permit or forbid.")
	}

	if err := checkNames(tokens); err != nil {
		return err
	}

	v, broken := newValidator()
	if broken != nil {
		return broken
	}

	for i, p := range policies {
		last := len(tokens)
		if i+1 < len(policies) {
			last = at(tokens, policies[i+1].Position().Offset)
		}

		if err := v.statement(p.AST(), tokens[at(tokens, p.Position().Offset):last]); err != nil {
			return err
		}
	}

	return nil
}

// at gives the index of the token at an offset.
func at(tokens []token, offset int) int {
	for i, t := range tokens {
		if t.offset >= offset {
			return i
		}
	}
	return len(tokens)
}
