# Whoever sets credentials: writes, lists and deletes those of all modules, and reads none of them.
path "secret/data/cofferdam/*"     { capabilities = ["create", "update", "delete"] }
path "secret/metadata/cofferdam/*" { capabilities = ["read", "list", "delete"] }
path "secret/delete/cofferdam/*"   { capabilities = ["update"] }
path "secret/undelete/cofferdam/*" { capabilities = ["update"] }
path "secret/destroy/cofferdam/*"  { capabilities = ["update"] }

path "auth/token/revoke-self" { capabilities = ["update"] }
