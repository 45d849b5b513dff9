package store_test

import "github.com/lockstephq/lockstep/internal/store/storetest"

const (
	account = storetest.Account
	other   = storetest.Other
	region  = storetest.Region
)
