"""What does a secret look like when the text around it does not say so?

Each entry is a format that a provider documents: a fixed beginning and a run of characters. Two habits keep every
pattern linear in the length of the text, whatever the text is:

1. The fixed beginning stands first, so that `re` finds it by a literal search, and the test "no word character before
   it" comes after it as a lookbehind of fixed width.
2. The run that follows is greedy and takes the whole run, so that no second match can begin inside it. Where something
   must follow the run and can be missing, the lookbehind refuses every character of the run, for the same reason.

Formats follow the providers' pages and the rule files of gitleaks (https://github.com/gitleaks/gitleaks). Public
identifiers (Stripe `pk_`, AWS account ids, Twilio `AC…`) are left out: they are not secret.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SecretFormat:
    """One documented key format; group 1 is the secret, or the whole match where there is no group."""

    kind: str
    pattern: re.Pattern[str]


def _prefix_format(kind: str, prefix: str, body: str) -> SecretFormat:
    """A key that starts with a fixed text which no letter, digit or underscore may precede."""
    literal = re.escape(prefix)
    before = "[A-Za-z0-9_-]" if kind in {"openai-key", "jwt"} else "[A-Za-z0-9_]"
    return SecretFormat(kind=kind, pattern=re.compile(f"{literal}(?<!{before}{literal}){body}"))


def _pattern_format(kind: str, pattern: str) -> SecretFormat:
    return SecretFormat(kind=kind, pattern=re.compile(pattern))


_WORD = "[A-Za-z0-9]"
_URL = "[A-Za-z0-9_-]"
_HEX = "[0-9a-f]"

_PREFIXED = [
    # kind, beginnings, what follows
    ("anthropic-key", "sk-ant-", f"{_URL}{{20,}}"),
    ("openai-key", "sk-", rf"(?!ant-)(?={_URL}*?{_WORD}{{16}}){_URL}{{20,}}"),
    ("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", f"{_WORD}{{30,}}"),
    ("github-token", "github_pat_", r"\w{22,}"),
    ("gitlab-token", "glpat- gldt- glrt- glptt- glcbt- glsoat- glft- glagent- gloas-", r"[\w.-]{20,}"),
    ("aws-key-id", "AKIA ASIA ABIA ACCA", r"[A-Z2-7]{16}(?!\w)"),
    ("google-key", "AIza", f"{_URL}{{35,}}"),
    ("google-key", "GOCSPX-", f"{_URL}{{24,}}"),
    ("google-key", "ya29.", f"{_URL}{{20,}}"),
    ("slack-token", "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxe.xoxp- xapp-", r"[A-Za-z0-9-]{10,}"),
    ("stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_", f"{_WORD}{{16,}}"),
    ("stripe-key", "whsec_", r"[A-Za-z0-9+/]{20,}={0,2}"),
    ("huggingface-token", "hf_ api_org_", f"{_WORD}{{30,}}"),
    ("npm-token", "npm_", f"{_WORD}{{36,}}"),
    ("pypi-token", "pypi-", f"(?=AgE|AgN){_URL}{{50,}}"),
    ("sendgrid-key", "SG.", rf"{_URL}{{16,64}}\.{_URL}{{30,}}"),
    ("twilio-key", "SK", rf"{_HEX}{{32}}(?!\w)"),
    ("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", f"{_HEX}{{64,}}"),
    ("age-key", "AGE-SECRET-KEY-1", "[A-Z0-9]{50,}"),
    ("shopify-token", "shpat_ shpca_ shppa_ shpss_", "[0-9a-fA-F]{32,}"),
    ("mailgun-key", "key-", rf"{_HEX}{{32}}(?!\w)"),
    ("square-token", "sq0atp- sq0csp- sq0idp-", f"{_URL}{{22,}}"),
    ("atlassian-token", "ATATT3 ATCTT3 ATBB", r"[\w=-]{28,}"),
    ("linear-key", "lin_api_ lin_oauth_", f"{_WORD}{{32,}}"),
    ("notion-token", "ntn_ secret_", f"{_WORD}{{40,}}"),
    ("databricks-token", "dapi", rf"{_HEX}{{32}}(?:-\d)?(?!\w)"),
    ("doppler-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", r"[\w.]{40,}"),
    ("vault-token", "hvs. hvb. hvr.", f"{_URL}{{24,}}"),
    ("pulumi-token", "pul-", f"{_HEX}{{40,}}"),
    ("grafana-token", "glsa_ glc_", r"[A-Za-z0-9_+/=]{32,}"),
    ("newrelic-key", "NRAK-", "[A-Z0-9]{27,}"),
    ("sentry-token", "sntrys_ sntryu_", r"[A-Za-z0-9_=+/]{40,}"),
    ("postman-key", "PMAK-", rf"{_HEX}{{24}}-{_HEX}{{34}}"),
    ("fly-token", "fo1_ fm1_ fm2_", r"[\w=+/-]{40,}"),
    ("supabase-key", "sbp_ sb_secret_", r"[\w-]{20,}"),
    ("planetscale-key", "pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.=-]{32,}"),
    ("groq-key", "gsk_", f"{_WORD}{{40,}}"),
    ("replicate-token", "r8_", f"{_WORD}{{37,}}"),
    ("perplexity-key", "pplx-", f"{_WORD}{{32,}}"),
    ("xai-key", "xai-", f"{_WORD}{{60,}}"),
    ("tailscale-key", "tskey-", r"[a-z]{3,10}-[A-Za-z0-9-]{16,}"),
    ("figma-token", "figd_", f"{_URL}{{38,}}"),
    ("heroku-key", "HRKU-", r"[\w-]{36,}"),
    ("rubygems-key", "rubygems_", f"{_HEX}{{48,}}"),
    ("crates-token", "cio", rf"{_WORD}{{32}}(?!\w)"),
    ("docker-token", "dckr_pat_ dckr_oat_", f"{_URL}{{27,}}"),
    ("netlify-token", "nfp_", f"{_WORD}{{36,}}"),
    ("dropbox-token", "sl.", f"(?:u\\.)?{_URL}{{100,}}"),
    ("onepassword-token", "ops_", r"eyJ[\w-]{40,}"),
    ("jwt", "eyJ", rf"{_URL}{{8,}}\.{_URL}{{8,}}(?:\.{_URL}*){{1,3}}"),
]

_SHAPED = [
    _pattern_format("telegram-token", r"(?<![\w:])\d{8,10}:A[A-Za-z0-9_-]{34,}"),
    _pattern_format("slack-webhook", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{20,})"),
    _pattern_format("discord-webhook", r"discord(?:app)?\.com/api/webhooks/(\d{17,20}/[\w-]{60,})"),
    _pattern_format("discord-token", r"(?<![\w.-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}"),
    _pattern_format("mailchimp-key", r"(?<!\w)[0-9a-f]{32}-us\d{1,2}(?!\w)"),
    _pattern_format("terraform-token", r"\.atlasv1\.[\w-]{60,}"),
    _pattern_format("airtable-token", r"(?<!\w)pat[A-Za-z0-9]{14}\.[0-9a-f]{64,}"),
    _pattern_format("azure-key", r"(?:AccountKey|SharedAccessKey)=([A-Za-z0-9+/]{40,}={0,2})"),
    _pattern_format("azure-key", r"(?<!\w)[\w~.-]{3}8Q~[\w~.-]{31,}"),
    _pattern_format("azure-key", r"[?&]sig=([A-Za-z0-9%+/]{40,}={0,2})"),
]

FORMATS: tuple[SecretFormat, ...] = (
    *(_prefix_format(kind, prefix, body) for kind, prefixes, body in _PREFIXED for prefix in prefixes.split()),
    *_SHAPED,
)

KEY_BLOCK = re.compile(r"-----(BEGIN|END) [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----")
"""The two ends of a PEM, OpenSSH or PGP private key."""

KEY_LINES = re.compile(r"(?:\r?\n[ \t>|]{0,8}[A-Za-z0-9+/=]{16,}(?=[ \t]{0,4}\r?(?:\n|\Z)))+")
"""What follows the first end when the second is missing, as in a log that was cut."""

PUTTY_KEY = re.compile(r"Private-Lines: \d{1,3}(?=\r?\n)")
