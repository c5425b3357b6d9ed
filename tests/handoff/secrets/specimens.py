"""Which credentials are made at run time for the tests? One of every format that is known, and places where they stand.

No credential stands here literally: hosts scan pushed text and would refuse it. `~` parts a beginning and is left out,
`{U20}` is twenty random characters of the alphabet U.
"""

import base64
import random
import re
import string

WORD = string.ascii_letters + string.digits
ALPHABETS = {
    "W": WORD,
    "U": WORD + "-_",
    "H": "0123456789abcdef",
    "L": string.ascii_lowercase + string.digits,
    "C": string.ascii_uppercase + string.digits,
    "D": string.digits,
    "A": string.ascii_letters,
    "B": WORD + "+/",
    "S": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
}
UUID = "{H8}-{H4}-{H4}-{H4}-{H12}"
KEYS = {
    "Shiftbook": ["sb~k_{U43}"],
    "Anthropic": ["sk~-ant~-api03-{U93}AA", "sk~-ant~-oat01-{U86}", "sk~-ant~-admin01-{U93}AA"],
    "OpenAI": ["sk~-{W20}T3Blbk~FJ{W20}", "sk~-proj-{U74}T3Blbk~FJ{U74}", "sk~-svcacct-{U120}", "sk~-admin-{U120}"],
    "OpenRouter, DeepSeek": ["sk~-or-v1-{H64}", "sk~-{H32}"],
    "Langfuse, LangSmith": [f"sk~-lf-{UUID}", "lsv2~_pt_{H32}_{H10}", "lsv2~_sk_{H32}_{H10}"],
    "Hugging Face": ["h~f_{W34}", "api~_org_{W34}"],
    "model hosts": [
        *("gs~k_{W52}", "r8~_{W37}", "pp~lx-{W48}", "xa~i-{W80}", "nvap~i-{U64}", "cs~k-{L48}", "tgp~_v1_{U43}"),
        *("fw~_3Z{W22}", "pa~-b3D{U40}", "sk~_{H48}", "tv~ly-{W32}", "tv~ly-dev-{W32}", "fc~-{H32}", "ji~na_{W60}"),
        *("pc~sk_{W6}_{W63}", "wandb~_v1_{U60}", "BS~A{W27}a1", "e2~b_{H40}", "bb~_live_{U27}", "apify~_api_{W36}"),
        *("esec~ret_{L40}", "AB~SK{B120}=", "bedrock~-api-key-{B130}"),
    ],
    "AWS": ["AK~IA{S16}", "AS~IA{S16}"],
    "Google": ["AI~za{U35}", "AQ~.Ab8RN6{U44}", "GOC~SPX-{U28}", "ya~29.{U120}", "1/~/0{U60}"],
    "DigitalOcean": ["do~p_v1_{H64}", "do~o_v1_{H64}", "do~r_v1_{H64}"],
    "Alibaba, Tencent, Yandex": [
        "LT~AI{W20}",
        "AK~ID{W31}7",
        "AQ~VN{U36}",
        "y0~_{U50}",
        "YC~A{U38}",
        "t1~.{U60}.{U86}",
    ],
    "Cloudflare": ["cfu~t_{W40}{H8}", "cfa~t_{W40}{H8}", "cf~k_{W40}{H8}", "v1~.0-{H24}-{H146}"],
    "hosts": [
        *("HR~KU-AA{U58}", "vc~p_{W56}", "vc~k_{W56}", "vercel~_blob_rw_{W16}_{W30}", "nf~p_{W40}", "rn~d_{W28}"),
        *("fm~2_{B120}", "fo~1_{U43}", "dd~p_{W36}", "ts~key-auth-{W17}-{W32}", "sb~p_{H40}", "sb~_secret_{U31}"),
        *(
            "na~pi_{L64}",
            "np~g_{W16}",
            "pscale~_tkn_{U43}",
            "pscale~_pw_{U43}",
            "mdb~_sa_sk_{U40}",
            "AV~NS_{U19}",
            "da~pi{H32}",
        ),
        *("da~pi{H32}-2", "do~se{H32}", "sha~256~~{U43}", "hv~s.{U90}", "hv~b.{U140}", "s~.aB3{W21}", "pu~l-{H40}"),
        *("dp~.pt.{W43}", "dp~.st.prd.{W43}", "ic~o-{W32}", "ops~_eyJ{B250}", "A3-{C6}-{C6}-{C5}-{C5}-{C5}-{C5}"),
        *("nb~p_{W36}", "4b~1d7aB{W35}", "{W14}.at~lasv1.{W67}", "ab18~Q~~{U34}", "{W76}AZ~DO{W4}", "SC~W1{C16}"),
    ],
    "GitHub": [*(f"gh~{one}_{{W36}}" for one in "pousr"), "github~_pat_{W22}_{W59}"],
    "GitLab": [
        *(
            f"gl~{kind}-{{U20}}"
            for kind in ("pat", "dt", "rt", "rtr", "ptt", "soat", "ft", "ffct", "imt", "oas", "agent")
        ),
        *("gl~cbt-a1_{U20}", "GR~1348941{U20}", "gl~pat-{U27}.01.{L9}", "acme-gl~pat-{U20}"),
    ],
    "Atlassian": ["ATA~TT3xFfGF0{U170}={C8}", "AT~BB{W32}"],
    "package registries": [
        *("np~m_{W36}", "py~pi-AgEIcHlwaS5vcmc{U150}", "ruby~gems_{H48}", "ci~o{W32}", "oy~2{L43}", "CLO~JARS_{L60}"),
        *("AK~Cp{W69}", "cmVm~dGtu{W56}", "dckr~_pat_{U27}", "dckr~_oat_{U32}"),
    ],
    "building and watching": [
        *("bk~ua_{L40}", "CC~IPAT_{W22}_{H40}", "sq~u_{H40}", "sq~p_{H40}", "sg~p_{H16}_{H40}", "sg~p_local_{H40}"),
        *("sg~p_{W64}", "slk~_{H64}", "sntr~ys_eyJ{W120}", "sntr~yu_{H64}", "gl~sa_{W32}_{H8}", "gl~c_eyJ{W80}"),
        *("NR~AK-{C27}", "dt0c~01.{C24}.{C64}", "hca~ik_{L58}", "ph~x_{W43}", "pn~u_{W36}", "PM~AK-{H24}-{H34}"),
        *(
            "rd~me_{L70}",
            "AP~I-7{C25}",
            "hawk~.{U20}.{U20}",
            "snyk_uat~.{H8}.{W40}",
            f"sd~k-{UUID}",
            "pat~.{U22}.{W24}.{W20}",
        ),
    ],
    "tools": [
        *("fi~gd_{U40}", "lin~_api_{W40}", "nt~n_{D11}{W35}", "sec~ret_{W43}", "CF~PAT-{U43}", "tf~p_{W44}_{W14}"),
        *(
            "p~k_12345678_{C32}",
            "fio~-u-{U64}",
            "1/{D16}/{D16}:{H32}",
            "pa~t{W14}.{H64}",
            "{W6}_{W29}_m~mk",
            "pa~t-na1-" + UUID,
        ),
    ],
    "Slack": [
        *(f"xox~{one}-{{D12}}-{{D12}}-{{W24}}" for one in "bpars"),
        *("xox~c-{D12}-{D12}-{D13}-{H64}", "xox~d-{B80}", "xap~p-1-{C11}-{D13}-{H64}", "xox~e.xox~p-1-{C160}"),
    ],
    "mail and telephones": [
        *(
            "S~G.{U22}.{U43}",
            "S~K{H32}",
            "ke~y-{H32}",
            "xkey~sib-{H64}-{W16}",
            "r~e_a1{W6}_{W24}",
            "r~e_7{W31}",
            "md~-a1B{U19}",
        ),
        *("mls~n.{H64}", "t~k_7{L28}", "KE~Y0{W30}_{W22}", "{H32}-u~s14"),
    ],
    "chats": [
        *(
            "{D10}:A~A{U33}",
            "M{U25}.{U6}.{U38}",
            "EA~AC7aB{W110}",
            "sl~.u.{U120}",
            "oau~th:{L30}",
            "sy~t_{W16}_{W20}_{W6}",
        ),
        *("nse~c1{L58}",),
    ],
    "Stripe": [
        *(f"{kind}~_{mode}_{{W24}}" for kind in ("sk", "rk") for mode in ("live", "test")),
        *("sk~_org_live_{W40}", "wh~sec_{W32}", "pi~_{W24}_secret_{W25}"),
    ],
    "Shopify": [f"shp~{kind}_{{H32}}" for kind in ("at", "ca", "pa", "ss")],
    "payments": [
        *("sq0~atp-{U22}", "sq0~csp-{U43}", f"access~-sandbox-{UUID}", "EZ~AK{W54}", "ship~po_live_{H40}"),
        *(
            "FLW~SECK_TEST-{H32}-X",
            "rz~p_live_{W14}",
            "pdl~_live_apikey_{L26}_{W22}_{W3}",
            "li~ve_{H35}",
            "ak~_live_{W30}",
        ),
        *("xpr~v{W107}", "10~00.{H32}.{H32}", "sm~_pat_{W16}"),
    ],
    "signed tokens": ["ey~J{U33}.ey~J{U120}.{U43}", "sk~.eyJ{U60}.{U22}", "v4~.local.{U120}"],
    "private keys": [
        *("AGE-~SECRET-~KEY-1{C58}", "MII~EvQ~IBADANBgkqhkiG9w0BAQEFAASC{B200}", "MII~EpA~IBAAKCAQEA{B200}"),
        *("MHc~CAQEEI{B100}", "b3Blbn~NzaC1rZXktdjEAAAA{B200}"),
    ],
    "hashes of passwords": [
        *("$ap~r1${W8}${W22}", "$2~y$10${W53}", "$~6${W16}${W86}", "$argon~2id$v=19$m=65536,t=3,p=4${B22}${B43}"),
        *("pbkdf2~_sha256$600000${W22}${B43}=",),
    ],
}
PLACES = ("{}", "the box uses {} today.", '"{}"', "> `{}`", "({})", "key={}", '{{"value": "{}"}}', "| host | {} |")


def make(pattern: str, chance: random.Random) -> str:
    """One value of this pattern; its random parts begin and end with a letter or digit."""

    def run(found: re.Match[str]) -> str:
        letters, count = ALPHABETS[found[1]], int(found[2])
        ends = letters.translate(str.maketrans("", "", "+/-_"))
        return "".join(chance.choice(ends if at in {0, count - 1} else letters) for at in range(count))

    plain = pattern.replace("~~", "\0").replace("~", "").replace("\0", "~")
    return re.sub(r"\{([A-Z])(\d+)\}", run, plain)


def issued_keys(chance: random.Random) -> list[str]:
    """One value of every format."""
    return [make(pattern, chance) for patterns in KEYS.values() for pattern in patterns]


def in_places(chance: random.Random) -> list[tuple[str, str]]:
    """(text, secret) pairs: every format in every place."""
    return [(place.format(key), key) for place in PLACES for key in issued_keys(chance)]


def by_syntax(chance: random.Random) -> list[tuple[str, str]]:
    """(text, secret) pairs: credentials that are known by what stands around them."""

    def word(count: int = 12) -> str:
        return make(f"{{A3}}7{{W{count - 4}}}", chance)

    shapes = [
        *("sshpass -p {} ssh box", "sshpass -p'{}' scp a b", "mysql -u root -p{} shop", "mysqldump -h db -p'{}' shop"),
        *(
            "docker login -u bob -p {} registry.example.org",
            "redis-cli -h cache -a {} ping",
            "twine upload -u bob -p {} x",
        ),
        *(
            "curl -u bob:{} https://example.org",
            "tool --password {} run",
            "tool --api-key={} run",
            "PGPASSWORD={} psql",
        ),
        *(
            "openssl rsa -in k -passin pass:{}",
            "htpasswd -b .htpasswd bob {}",
            "smbclient //h/s -U bob%{}",
            "zip -r -P {} a.zip b",
        ),
        *(
            "machine example.org login bob password {}",
            "machine h\n  login bob\n  password {}\n",
            "db.internal:5432:shop:bob:{}",
        ),
        *(
            "postgres://bob:{}@db:5432/shop",
            "redis://:{}@cache",
            "mongodb+srv://bob:a/{}@db/x",
            "jdbc:oracle:thin:bob/{}@db:1521",
        ),
        *("Server=db;User Id=sa;Password={};Database=shop", "ALTER ROLE bob WITH PASSWORD '{}';", "IDENTIFIED BY '{}'"),
        *(
            "requirepass {}",
            "ENV DB_PASSWORD {}",
            "- name: DB_PASSWORD\n  value: {}\n",
            '{{"name": "API_KEY", "value": "{}"}}',
        ),
        *(
            "<password>{}</password>",
            '<add key="ClearTextPassword" value="{}" />',
            "the password is {}",
            "X-Auth-Token: {}",
        ),
        *(
            "Ocp-Apim-Subscription-Key: {}",
            "DB_PASSWORD={}",
            "export SMTP_PASS='{}'",
            '  "client_secret": "{}",',
            "password: {}",
        ),
        *(
            "apiKey: '{}',",
            "_authToken={}",
            "wifi psk={}",
            "auth_key: {}",
            "DB_PASSWORD=$x{}",
            "DB_PASSWORD=/x{}/y1",
            "DB_PASSWORD=a.{}",
        ),
        *(
            "DB_PASSWORD={}==x",
            "DB_PASSWORD=x->{}",
            "DB_PASSWORD=sample-{}",
            "DB_PASSWORD=(a){}",
            "DB_PASSWORD=<{}",
            "DB_PASSWORD=~/{}",
        ),
    ]
    pairs = [(shape.format(secret), secret) for shape in shapes for secret in [word()]]
    long = [
        *(
            "Authorization: Bearer {}",
            "authorization: token {}",
            "we sent Bearer {} by mistake",
            "Cookie: theme=dark; sid={}",
        ),
        *(
            "Set-Cookie: session={}; Path=/",
            "JSESSIONID={}",
            "GET /cb?access_token={}&x=1",
            "X-Amz-Signature={}",
            "the API key is {}",
        ),
    ]
    pairs += [(shape.format(secret), secret) for shape in long for secret in [make("7a{H62}", chance)]]
    keyed = ("HEROKU_API_KEY={}", '"snyk_token": "{}"', "POSTMARK_SERVER_TOKEN={}")
    pairs += [(shape.format(secret), secret) for shape in keyed for secret in [make(UUID, chance)]]
    pairs += [("SMTP_PASS='abcd efgh ijkl mnop'", "ijkl"), ('PASSWORD="correct horse battery 9staple"', "battery")]
    encoded = base64.b64encode(word().encode()).decode()
    pairs.append((f"kind: Secret\ndata:\n  user: YWRtaW4=\n  pin: {encoded}\n", encoded))
    pairs.append((f"data:\n  pin: {encoded}\nkind: Secret\n", encoded))
    login = base64.b64encode(f"bob:{word()}".encode()).decode()
    pairs += [(f'{{"auths": {{"h": {{"auth": "{login}"}}}}}}', login), (f"//h/:_auth={login}", login)]
    return pairs
