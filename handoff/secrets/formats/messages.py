"""Tokens of what carries messages: chats, mail, telephones, push."""

from handoff.secrets.formats.table import BLOBS, END, HEX, LOWER, URL, WORD, WORDS, begins, shaped

FORMATS = (
    *begins(
        "slack-token",
        "xoxb- xoxp- xoxa- xoxr- xoxs- xoxo- xoxe- xoxc- xoxd- xoxe.xoxp- xoxe.xoxb- xapp- xwfp-",
        r"[A-Za-z0-9%/+=-]{10,}",
        "gitleaks",
    ),
    *begins("sendgrid-key", "SG.", rf"{URL}{{16,64}}\.{URL}{{30,}}", "gitleaks"),
    *begins("twilio-key", "SK", rf"{HEX}{{32}}{END}", "gitleaks", apart=WORDS),
    *begins("mailgun-key", "key-", rf"{HEX}{{32}}{END}", "gitleaks", apart=WORDS),
    *begins("brevo-key", "xkeysib- xsmtpsib-", rf"{HEX}{{40,}}-{WORD}{{16,}}", "gitleaks"),
    *begins("resend-key", "re_", rf"(?=\w*\d)(?:{WORD}{{6,12}}_)?{WORD}{{20,}}", "public code", apart=WORDS),
    *begins(
        "mandrill-key",
        "md-",
        rf"(?=[A-Za-z_-]*\d)(?=[a-z0-9_-]*[A-Z]){URL}{{22}}{END}",
        "public code",
        apart=WORDS,
    ),
    *begins("mailersend-key", "mlsn.", f"{HEX}{{60,}}", "public code"),
    *begins("ntfy-token", "tk_", rf"(?=[a-z]*\d){LOWER}{{29}}{END}", "public code", apart=WORDS),
    *begins("telnyx-key", "KEY0", rf"{WORD}{{24,}}_{WORD}{{16,}}", "kingfisher", apart=WORDS),
    *begins("matrix-token", "syt_", r"\w{24,}", "public code", apart=WORDS),
    *begins("nostr-key", "nsec1", f"{LOWER}{{58}}{END}", "github.com/nostr-protocol/nips"),
    *begins(
        "hubspot-token",
        "pat-na1- pat-eu1- pat-na2- pat-ap1-",
        r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        "trufflehog",
    ),
    *begins(
        "facebook-token",
        "EAA",
        rf"(?=[A-Za-z]*\d)(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z]){WORD}{{90,}}",
        "gitleaks",
        apart=BLOBS,
    ),
    *begins("twitter-token", "AAAAAAAAAAAAAAAAAAAAA", r"[A-Za-z0-9%]{60,}", "gitleaks", apart=BLOBS),
    *begins("twitch-token", "oauth:", rf"{LOWER}{{30}}{END}", "gitleaks", apart=WORDS),
    *begins("dropbox-token", "sl.", f"(?:[uB]\\.)?{URL}{{80,}}", "gitleaks", apart=WORDS),
    *shaped("telegram-token", ":A", r"(?<![\w:])\d{8,10}:A[A-Za-z0-9_-]{34,}", "gitleaks"),
    *shaped("telegram-token", "/bot", r"/bot(\d{8,10}:[A-Za-z0-9_-]{34,})", "gitleaks"),
    *shaped(
        "slack-webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9+/]{20,})",
        "gitleaks",
    ),
    *shaped(
        "discord-webhook",
        "/api/webhooks/",
        r"discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/(\d{17,20}/[\w-]{60,})",
        "trufflehog",
    ),
    *shaped("discord-token", ".", r"(?<![\w.-])[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}", "trufflehog"),
    *shaped("mailchimp-key", "-us", r"(?<!\w)[0-9a-f]{32}-us\d{1,2}(?!\w)", "gitleaks"),
    *shaped(
        "teams-webhook", "/IncomingWebhook/", r"/IncomingWebhook/([0-9a-f]{32}/[0-9a-f-]{36}(?:/[\w-]+)?)", "gitleaks"
    ),
    *shaped("zapier-webhook", "hooks.zapier.com", r"hooks\.zapier\.com/hooks/catch/(\d{4,}/\w{6,})", "trufflehog"),
)
