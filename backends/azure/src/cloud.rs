//! Which cloud of Azure a Key Vault is in: its login server and the resource that its tokens are for.
//!
//! Source: <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#dns-suffixes-for-object-identifiers>.

/// A cloud of Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cloud {
    /// What follows the name of a Key Vault in its host.
    domain: &'static str,
    /// The login server.
    pub(crate) authority: &'static str,
    /// The resource that an access token is for.
    pub(crate) resource: &'static str,
}

const PUBLIC: Cloud = Cloud {
    domain: ".vault.azure.net",
    authority: "https://login.microsoftonline.com",
    resource: "https://vault.azure.net",
};

const OTHERS: [Cloud; 2] = [
    Cloud {
        domain: ".vault.azure.cn",
        authority: "https://login.chinacloudapi.cn",
        resource: "https://vault.azure.cn",
    },
    Cloud {
        domain: ".vault.usgovcloudapi.net",
        authority: "https://login.microsoftonline.us",
        resource: "https://vault.usgovcloudapi.net",
    },
];

impl Cloud {
    /// The cloud of the Key Vault at `url`, the public one unless its domain is another's.
    pub(crate) fn of(url: &str) -> Self {
        let host = url.split("//").nth(1).unwrap_or_default();
        let host = host.split(['/', ':']).next().unwrap_or_default();
        OTHERS.into_iter().find(|cloud| host.ends_with(cloud.domain)).unwrap_or(PUBLIC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cloud_follows_from_the_domain() {
        for (url, resource) in [
            ("https://a.vault.azure.net", "https://vault.azure.net"),
            ("https://a.vault.azure.cn/", "https://vault.azure.cn"),
            ("https://a.vault.usgovcloudapi.net:443", "https://vault.usgovcloudapi.net"),
            ("http://127.0.0.1:8443", "https://vault.azure.net"),
            ("https://a.vault.azure.cn.example", "https://vault.azure.net"),
        ] {
            assert_eq!(Cloud::of(url).resource, resource, "{url}");
        }
    }
}
