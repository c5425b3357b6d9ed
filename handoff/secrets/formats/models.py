"""Keys of providers of models, and of the tools around them."""

from handoff.secrets.formats.table import BASE64, END, HEX, LOWER, URL, WORD, WORDS, begins, shaped

FORMATS = (
    *begins("anthropic-key", "sk-ant-", f"{URL}{{20,}}", "gitleaks"),
    *begins("openai-key", "sk-proj- sk-svcacct- sk-admin- sk-None-", f"{URL}{{20,}}", "gitleaks"),
    *shaped("openai-key", "T3BlbkFJ", rf"sk-(?={URL}{{16,160}}?T3BlbkFJ){URL}{{40,}}", "gitleaks"),
    *begins("openai-key", "sk-", rf"(?=[A-Za-z0-9_-]*?{WORD}{{16}}){URL}{{20,}}", "trufflehog", apart=WORDS),
    *begins("openrouter-key", "sk-or-v1-", f"{HEX}{{32,}}", "trufflehog"),
    *begins("langfuse-key", "sk-lf-", r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "trufflehog"),
    *begins("langsmith-key", "lsv2_pt_ lsv2_sk_ ls__", rf"{HEX}{{32}}(?:_{HEX}{{10}})?", "trufflehog"),
    *begins("huggingface-token", "hf_ api_org_", f"{WORD}{{30,}}", "gitleaks"),
    *begins("huggingface-token", "hf_oauth_", r"[\w.-]{30,}", "huggingface.co/docs/hub/security-tokens"),
    *begins("groq-key", "gsk_", f"{WORD}{{40,}}", "trufflehog"),
    *begins("replicate-token", "r8_", f"{URL}{{37,}}", "trufflehog", apart=WORDS),
    *begins("perplexity-key", "pplx-", f"{WORD}{{32,}}", "gitleaks"),
    *begins("xai-key", "xai-", f"{URL}{{60,}}", "trufflehog"),
    *begins("nvidia-key", "nvapi-", f"{URL}{{40,}}", "trufflehog"),
    *begins("cerebras-key", "csk-", f"{LOWER}{{32,}}", "inference-docs.cerebras.ai"),
    *begins("together-key", "tgp_v1_", f"{URL}{{32,}}", "docs.together.ai"),
    *begins("fireworks-key", "fw_", rf"(?=[A-Za-z]*\d){WORD}{{20,}}", "docs.fireworks.ai", apart=WORDS),
    *begins(
        "voyage-key", "pa-", rf"(?=[A-Za-z_-]*\d)(?=[a-z0-9_-]*[A-Z]){URL}{{40,}}", "docs.voyageai.com", apart=WORDS
    ),
    *begins("elevenlabs-key", "sk_", f"{HEX}{{40,}}{END}", "trufflehog", apart=WORDS),
    *begins(
        "secret-key",
        "sk_",
        rf"(?=[A-Za-z]*\d)(?=[a-z0-9]*[A-Z]){WORD}{{32,}}",
        "trufflehog (Freemius, Paystack)",
        apart=WORDS,
    ),
    *begins("tavily-key", "tvly-", f"{URL}{{24,}}", "docs.tavily.com"),
    *begins("firecrawl-key", "fc-", f"{HEX}{{32}}{END}", "docs.firecrawl.dev", apart=WORDS),
    *begins("jina-key", "jina_", f"{URL}{{40,}}", "jina.ai/api-dashboard"),
    *begins("pinecone-key", "pcsk_", rf"{WORD}{{4,8}}_{WORD}{{40,}}", "trufflehog"),
    *begins("wandb-key", "wandb_v1_", f"{URL}{{60,}}", "docs.wandb.ai"),
    *begins(
        "brave-key",
        "BSA",
        rf"(?=[A-Za-z_-]*\d)(?=[A-Z0-9_-]*[a-z]){URL}{{24,}}",
        "api-dashboard.search.brave.com",
        apart=WORDS,
    ),
    *begins("e2b-key", "e2b_", f"{HEX}{{36,}}", "e2b.dev/docs", apart=WORDS),
    *begins("browserbase-key", "bb_live_ bb_test_", f"{URL}{{24,}}", "docs.browserbase.com"),
    *begins(
        "modal-token", "as-", rf"(?=[A-Za-z]*\d)(?=[a-z0-9]*[A-Z]){WORD}{{22}}{END}", "modal.com/docs", apart=WORDS
    ),
    *begins("apify-token", "apify_api_", f"{WORD}{{30,}}", "kingfisher"),
    *begins("anyscale-key", "esecret_", f"{LOWER}{{20,}}", "docs.anyscale.com"),
    *begins("bedrock-key", "ABSK", f"{BASE64}{{80,}}={{0,2}}", "gitleaks"),
    *begins("bedrock-key", "bedrock-api-key-", r"[A-Za-z0-9+/=]{20,}", "gitleaks"),
)
