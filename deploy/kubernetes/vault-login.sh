#!/bin/sh
# Lets the pods of this folder log in to Vault and read the secrets of one module. It makes a policy, and a role that is
# bound to their service account and to the audience of their token. Run it once for each module's vault, and again after a
# change.
#
#     vault auth enable kubernetes
#     vault write auth/kubernetes/config kubernetes_host=https://kubernetes.default.svc   # a Vault inside the cluster
#     ./vault-login.sh github
#
# Needs `vault` with VAULT_ADDR and a login that may write policies and roles.
set -eu

module="${1:?name the module, for example: vault-login.sh github}"
case "$module" in
*[!a-z0-9_-]*) echo "vault-login.sh: \`$module\` is not a module name" >&2 && exit 2 ;;
esac

vault policy write "cofferdam-$module" - <<POLICY
path "secret/data/cofferdam/$module/*" { capabilities = ["read"] }

# The login's own token: the role does not add the \`default\` policy.
path "auth/token/lookup-self" { capabilities = ["read"] }
path "auth/token/renew-self"  { capabilities = ["update"] }
path "auth/token/revoke-self" { capabilities = ["update"] }
path "sys/capabilities-self"  { capabilities = ["update"] }
POLICY

# The login of a deleted pod remains valid for at most token_ttl. A token that is renewed by someone else ends with
# token_max_ttl.
vault write "auth/kubernetes/role/cofferdam-$module" \
    bound_service_account_names=cofferdam \
    bound_service_account_namespaces=cofferdam \
    audience=vault \
    token_policies="cofferdam-$module" \
    token_no_default_policy=true \
    token_ttl=1h \
    token_max_ttl=24h
