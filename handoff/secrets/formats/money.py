"""Keys of what moves money: shops, payments, coins."""

from handoff.secrets.formats.table import BLOBS, END, HEX, NAMES, URL, WORD, WORDS, begins, shaped

FORMATS = (
    *begins("stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_ sk_prod_ rk_prod_", f"{WORD}{{10,}}", "gitleaks"),
    *begins("stripe-key", "sk_org_", r"\w{16,}", "docs.stripe.com/keys/organization-api-keys"),
    *begins("stripe-key", "whsec_", r"[A-Za-z0-9+/]{20,}={0,2}", "docs.stripe.com/webhooks"),
    *begins("shopify-token", "shpat_ shpca_ shppa_ shpss_ shptka_ shpua_", "[0-9a-fA-F]{32,}", "gitleaks"),
    *begins("square-token", "sq0atp- sq0csp- sq0idp-", f"{URL}{{22,}}", "gitleaks"),
    *begins("square-token", "EAAA", r"(?=[A-Za-z_-]*\d)(?=[A-Z0-9_-]*[a-z])[\w=+-]{60}", "trufflehog", apart=BLOBS),
    *begins(
        "paypal-token",
        "access_token$production$ access_token$sandbox$",
        r"\w{16,}\$[0-9a-f]{32}",
        "public code",
    ),
    *begins(
        "plaid-token",
        "access-sandbox- access-development- access-production-",
        r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        "gitleaks",
    ),
    *begins("adyen-key", "AQE", r"(?=[A-Za-z]*\d)[A-Za-z0-9]{40,}[\w+/=@-]{20,}", "public code", apart=BLOBS),
    *begins("easypost-key", "EZAK EZTK", f"{WORD}{{40,}}", "gitleaks"),
    *begins("shippo-token", "shippo_live_ shippo_test_", "[0-9a-fA-F]{32,}", "gitleaks"),
    *begins("flutterwave-key", "FLWSECK_TEST- FLWSECK-", f"{WORD}{{12,}}(?:-X)?", "gitleaks"),
    *begins("razorpay-key", "rzp_live_ rzp_test_", f"{WORD}{{14,}}", "trufflehog"),
    *begins("paddle-key", "pdl_live_apikey_ pdl_sdbx_apikey_ pdl_ntfset_", r"[\w]{20,}", "public code"),
    *begins("lob-key", "live_ test_", rf"{HEX}{{35}}{END}", "gitleaks", apart=NAMES),
    *begins("pagarme-key", "ak_live_ ak_test_", f"{WORD}{{30,}}", "kingfisher"),
    *begins(
        "gocardless-token",
        "live_ sandbox_",
        rf"(?=[A-Za-z_-]*\d)(?=[a-z0-9_-]*[A-Z]){URL}{{40,}}",
        "gitleaks",
        apart=NAMES,
    ),
    *begins("coinbase-key", "organizations/", r"[0-9a-f-]{36}/apiKeys/[0-9a-f-]{36}", "public code"),
    *begins("wallet-key", "xprv yprv zprv tprv", rf"{WORD}{{100,}}", "BIP 32"),
    *begins("zoho-token", "1000.", rf"{HEX}{{32}}\.{HEX}{{32}}", "kingfisher", apart=WORDS),
    *begins("settlemint-token", "sm_aat_ sm_pat_ sm_sat_", f"{WORD}{{16,}}", "gitleaks"),
    *shaped(
        "stripe-key",
        "_secret_",
        r"(?<!\w)(?:pi|seti|cs_live|cs_test)_[A-Za-z0-9]{14,}_secret_[A-Za-z0-9]{16,}",
        "trufflehog",
    ),
)
