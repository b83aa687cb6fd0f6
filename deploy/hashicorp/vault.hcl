# HashiCorp Vault for the staging of docker-compose.yml: one server, its storage in a volume.
storage "file" { path = "/vault/file" }

listener "tcp" {
  address       = "0.0.0.0:8200"
  tls_cert_file = "/vault/tls/server.pem" # the certificate and its key in one file, made by `staging certificates`
  tls_key_file  = "/vault/tls/server.pem"
}

api_addr      = "https://vault:8200"
disable_mlock = true # locking memory needs a capability; turn swap off or encrypt it
ui            = false
