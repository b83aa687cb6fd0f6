# The vault of the module `github`: what Cofferdam's login may do.
path "secret/data/cofferdam/github/+" { capabilities = ["read"] }

# The login's own token: the role does not add the `default` policy.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self"  { capabilities = ["update"] }

# When the secret_id of the login expires, for `cofferdam doctor`. Only the holder of a secret_id can look it up.
path "auth/approle/role/cofferdam-github/secret-id/lookup" { capabilities = ["update"] }
