# The vault of the module `github`: what Cofferdam may do with its login, and nothing more.
path "secret/data/cofferdam/github/+" { capabilities = ["read"] }

# The login itself: the role gives no `default` policy.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self"  { capabilities = ["update"] }

# When the secret_id ends that it logs in with, which `cofferdam doctor` tells. Only who has a secret_id can ask.
path "auth/approle/role/cofferdam-github/secret-id/lookup" { capabilities = ["update"] }
