"""Big clouds by autonomous system: whose addresses say something else than where a person sits.

The names are those of IPFire's location database (https://location.ipfire.org, CC BY-SA 4.0), looked up with
`location get-as ASN` in Debian 12's libloc-database of 2022-10-29. That database says who owns a network, not what for:
which of them are mail apps' or hosting clouds is our choice. Seen for Outlook: logins from 52.125.0.0/16 of AS8075.
"""

from __future__ import annotations

# Mail apps whose vendor logs in for the user, from the vendor's own network: the address is no person's place.
MAIL_APP_CLOUDS: frozenset[int] = frozenset(
    {
        8075,  # MICROSOFT-CORP-MSN-AS-BLOCK; Outlook for Android and iOS fetches mail through Microsoft's servers
        15169,  # GOOGLE; Gmail's "check mail from other accounts" and "send mail as" log in from there
    }
)

# Rented computers: no home, no office, no telephone. Proxies, VPN exits and scripts sit there, and few owners. No
# indicator uses this list yet.
HOSTING_CLOUDS: frozenset[int] = frozenset(
    {
        14618,  # AMAZON-AES
        16509,  # AMAZON-02
        396982,  # GOOGLE-PRIVATE-CLOUD
        31898,  # ORACLE-BMC-31898
        36351,  # SOFTLAYER
        14061,  # DIGITALOCEAN-ASN
        63949,  # Linode, LLC
        20473,  # AS-CHOOPA
        53667,  # PONYNET
        16276,  # OVH SAS
        12876,  # ONLINE S.A.S.
        24940,  # Hetzner Online GmbH
        213230,  # Hetzner Online GmbH
        8560,  # IONOS SE
        51167,  # Contabo GmbH
        60781,  # LeaseWeb Netherlands B.V.
        49981,  # WorldStream B.V.
        9009,  # M247 Europe SRL
        37963,  # Hangzhou Alibaba Advertising Co.,Ltd.
        45102,  # Alibaba (US) Technology Co., Ltd.
        45090,  # Shenzhen Tencent Computer Systems Company Limited
        132203,  # Shenzhen Tencent Computer Systems Company Limited
        136907,  # HUAWEI INTERNATIONAL PTE. LTD.
        7506,  # GMO Internet INC.
        7684,  # SAKURA internet // HOKKAIDO BACKBONE
        9370,  # SAKURA internet // EAST JAPAN BACKBONE
        9371,  # SAKURA internet // WEST JAPAN BACKBONE
    }
)
