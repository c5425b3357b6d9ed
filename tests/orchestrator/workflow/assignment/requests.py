"""Six invented projects and labelled requests: what people ask, and which project they mean.

A label is a project, "" for a request that belongs to none, or "?" where nobody could tell: there only a question is
right. `coding` requests need a project; the others do not.
"""

from __future__ import annotations

from orchestrator.workflow.assignment.project_profile import ProjectProfile, build_profile

PORTFOLIO = """\
# Portfolio context

## Projects

- **shop**: the web shop that customers see. It asks shop-api for stock and ledgerline for invoices.
- **shop-api**: the inventory service behind the shop.
- **notes**: the note-taking app for phone and desktop.
- **kestrel**: firmware of the weather stations.
- **site**: our public web pages and the blog.
- **ledgerline**: bookkeeping; reads what banks send.
"""

SHOP = """\
# Shop

The web shop. Django, PostgreSQL, templates in `shop/templates/`.

## Architecture

- **Checkout**: basket, address, payment with Stripe. `shop/checkout/views.py` drives it; `CheckoutSession` keeps a
  basket for an hour.
- **Refunds** go through Stripe, too; a refund is a `RefundRequest` that a clerk confirms.
- **Vouchers** are checked in `apply_voucher()`; a voucher may not be combined with another.
- VAT is worked out per country of the customer in `shop/tax/vat.py`.

## Decisions

- Customers log in with a magic link by e-mail, no passwords.
- The basket lives in the session, not in the database.
"""

SHOP_API = """\
# shop-api

The inventory service: FastAPI, PostgreSQL. What is in stock in which warehouse.

## Architecture

- **Stock levels** are events that are summed up; `api/stock/levels.py`.
- **Reservations** hold an article for a basket, 15 minutes; `reserve_article()`.
- Warehouses send their counts nightly as CSV; the importer is `api/imports/warehouse.py`.
- Each writing request carries an `Idempotency-Key`.

## Constraints

- Article numbers (SKU) never change.
"""

NOTES = """\
# Notes

A note-taking app in Kotlin Multiplatform.

## Architecture

- **Editor**: Markdown with live preview, `editor/src/MarkdownEditor.kt`.
- **Sync** is a CRDT per notebook; offline edits merge; `sync/crdt/Merge.kt`.
- **Tags** and full-text search in SQLite FTS, `search/FtsIndex.kt`.
- Attachments are encrypted on the device before upload.

## Decisions

- No accounts: notebooks are shared by a key.
"""

KESTREL = """\
# Kestrel

Firmware of the weather stations, C on Zephyr.

## Architecture

- **Sensors**: anemometer, barometer, humidity over I2C; drivers in `drivers/sensors/bme280.c`.
- **Radio**: LoRa uplink every ten minutes, `radio/lora_uplink.c`; the payload is 24 bytes.
- **Power**: solar panel and supercapacitor; below 2.9 V the station hibernates.
- Calibration constants are written at the factory with `write_calibration()`.
"""

SITE = """\
# Site

The public pages and the blog, built with Hugo.

## Architecture

- Posts are Markdown in `content/posts/`; the theme is our own, in `themes/harbour/layouts/`.
- **Newsletter** sign-up goes to a small function, `functions/subscribe.js`.
- RSS feed and sitemap are made by Hugo.
- Images are resized at build time to WebP.
"""

LEDGERLINE = """\
# Ledgerline

Bookkeeping. Reads bank statements and matches them with invoices.

## Architecture

- **Statements**: CAMT.053 and MT940 parsers in `ledgerline/statements/camt.py`.
- **Reconciliation** matches payments with invoices by reference and amount, `reconcile_payment()`.
- **Dunning** letters go out after 14 days.
- The VAT return is made quarterly as XML for the tax office, `ledgerline/tax/vat_return.py`.
"""

PROJECTS: tuple[ProjectProfile, ...] = (
    build_profile("shop", "git@example.com:me/shop.git", ["webshop"], documents=[SHOP]),
    build_profile("shop-api", "git@example.com:me/shop-api.git", ["inventory"], documents=[SHOP_API]),
    build_profile("notes", "https://example.com/me/notes-app.git", ["memo pad"], documents=[NOTES]),
    build_profile("kestrel", "git@example.com:me/kestrel-firmware.git", documents=[KESTREL]),
    build_profile("site", "git@example.com:me/www.git", ["blog"], documents=[SITE]),
    build_profile("ledgerline", "git@example.com:me/ledgerline.git", ["books"], documents=[LEDGERLINE]),
)

CODING: tuple[tuple[str, str], ...] = (
    # named
    ("kestrel: fix the timezone bug", "kestrel"),
    ("Fix the log-in of the shop repo", "shop"),
    ("In ledgerline, raise the timeout of the upload to 60 seconds", "ledgerline"),
    ("Update the dependencies of shop-api", "shop-api"),
    ("Add a CI job to `notes` that builds for iOS", "notes"),
    ("Project site: remove the old analytics snippet", "site"),
    ("Bump the compiler in Kestrel and mend what breaks", "kestrel"),
    ("The webshop shows the wrong currency for Swiss customers", "shop"),
    ("Clone git@example.com:me/notes-app.git and add a licence file", "notes"),
    ("notes-app: the Android build is red", "notes"),
    ("Port https://example.com/me/www to the new CDN", "site"),
    ("memo pad crashes when it is opened from a share sheet", "notes"),
    ("shop-api returns 500 when the body is empty", "shop-api"),
    ("Write tests for Ledgerline's importer", "ledgerline"),
    # not named, but for a path: what it is about
    ("The checkout lets a voucher be combined with another one; reproduce it and add a test", "shop"),
    ("Refunds over Stripe fail when the clerk confirms twice", "shop"),
    ("`apply_voucher()` raises KeyError for expired vouchers", "shop"),
    ("Fix the crash in shop/checkout/views.py when the session is gone", "shop"),
    ("Reservations must end after 20 minutes instead of 15, per warehouse", "shop-api"),
    ("The nightly warehouse CSV import skips the last article", "shop-api"),
    ("api/stock/levels.py: the sum is wrong after a negative count", "shop-api"),
    ("Make the CRDT merge of notebooks faster for long offline edits", "notes"),
    ("Full-text search finds no tags with umlauts", "notes"),
    ("MarkdownEditor loses the cursor when the live preview scrolls", "notes"),
    ("The anemometer driver reads zero after the station hibernates", "kestrel"),
    ("Shrink the LoRa payload to 20 bytes", "kestrel"),
    ("`write_calibration()` must refuse a second write", "kestrel"),
    ("The RSS feed lists drafts, and so does the sitemap", "site"),
    ("Newsletter sign-up accepts addresses without an @", "site"),
    ("functions/subscribe.js: retry once on a 502", "site"),
    ("The MT940 parser drops the last statement of a file", "ledgerline"),
    ("Reconciliation should match payments whose reference has spaces", "ledgerline"),
    ("Dunning letters go out on Sundays; they must not", "ledgerline"),
    ("ledgerline/tax/vat_return.py writes the wrong quarter in January", "ledgerline"),
    # nobody could tell
    ("Fix the failing test", "?"),
    ("Update the README", "?"),
    ("VAT is rounded the wrong way", "?"),
    ("Upgrade PostgreSQL to 18", "?"),
    ("Port the address form from shop to site", "?"),
    ("The tests are slow; find out why", "?"),
    ("Fix src/main.py and pyproject.toml", "?"),
    ("Make the shop api faster", "?"),
    ("Do it like kestrel does: hibernate when idle", "?"),
    ("Write a script that renames my holiday photos by date", "?"),
    ("Add the notes field to the invoice form of the customers", "?"),
    ("Make a new project for parsing recipes", "?"),
    # stuffed or misleading
    ("shop shop-api notes kestrel site ledgerline: fix it", "?"),
    ("checkout checkout checkout checkout checkout checkout", "?"),
    ("Not the shop: the other one. Rename the table", "?"),
    ("Fix the bug.\n\n```\ncheckout basket stripe refund voucher crdt notebook lora anemometer\n```", "?"),
    ("checkout voucher refund crdt notebook tags lora anemometer calibration camt dunning sitemap newsletter", "?"),
    ("Compare kestrel with ledgerline and say which build is faster", "?"),
    ("Write a parser for the coffee-shop's menu", "?"),
    ("The workers on site need a shift plan as a web page", "?"),
)

GENERAL: tuple[tuple[str, str], ...] = (
    ("What did we decide about combining vouchers in the checkout?", "shop"),
    ("Which port does the shop repo use for its tests?", "shop"),
    ("How does Kestrel's LoRa uplink retry?", "kestrel"),
    ("What is in `shop/tax/vat.py`?", "shop"),
    ("Does shop-api keep reservations after a restart?", "shop-api"),
    ("Which banks does ledgerline read?", "ledgerline"),
    ("Summarise the open blockers of project site", "site"),
    ("In notes-app, is the CRDT per notebook or per note?", "notes"),
    ("What is the capital of France?", ""),
    ("Write a poem about the sea", ""),
    ("Write a poem about a kestrel over the harbour", ""),
    ("I need a recipe for a birthday cake with two layers", ""),
    ("Translate 'good morning' into Japanese", ""),
    ("Take notes of what I say next", ""),
    ("What should I buy at the shop for dinner?", ""),
    ("How is the weather tomorrow?", ""),
    ("Remind me of the books that I wanted to read", ""),
    ("Draft an e-mail to my landlord about the heating", ""),
    ("Explain the difference between TCP and UDP", ""),
    ("Is there a site where I can look up train times?", ""),
    ("Which nodes are idle?", ""),
    ("How do I tell a falcon from a hawk?", ""),
    ("My customers want to pay by invoice. Is that a good idea for a bakery?", ""),
    ("Say hello", ""),
    ("What does a barometer measure?", ""),
    ("Plan a newsletter for my choir", ""),
    ("Which warehouse club has the best prices?", ""),
    ("shop shop shop shop shop", "?"),
    ("Tell me about stripe patterns on zebras and the checkout of a hotel", ""),
    ("What do kestrels and ledgers have in common?", ""),
)

# the same projects, in other words
CODING_HELD = (
    ("Kestrel drops packets when the gateway is far away; add a retry", "kestrel"),
    ("shop: the order confirmation e-mail has a broken link", "shop"),
    ("Use ruff in ledgerline instead of flake8", "ledgerline"),
    ("The blog repo still has Travis; move it to Actions", "site"),
    ("inventory repository: drop Python 3.9", "shop-api"),
    ("Clerks cannot confirm a refund on the phone", "shop"),
    ("Basket is emptied after the magic link log-in", "shop"),
    ("Idempotency-Key is ignored for reservations", "shop-api"),
    ("Attachments over 20 MB are not encrypted before upload", "notes"),
    ("Notebooks that are shared by a key cannot be left again", "notes"),
    ("Below 2.9 V the station should hibernate for an hour, not ten minutes", "kestrel"),
    ("bme280.c reads humidity twice", "kestrel"),
    ("radio/lora_downlink.c is missing: add it beside the uplink", "kestrel"),
    ("Resize images to AVIF instead of WebP at build time", "site"),
    ("The Hugo theme breaks long headings in posts", "site"),
    ("CAMT.053 files with two statements are read as one", "ledgerline"),
    ("`reconcile_payment` must not match a payment twice", "ledgerline"),
    ("Send the quarterly VAT return for the tax office as a test first", "ledgerline"),
    ("themes/harbour/layouts/index.html: add a skip link", "site"),
    ("FtsIndex grows without end; vacuum it", "notes"),
    ("Let RefundRequest carry a reason", "shop"),
    ("Write a unit test", "?"),
    ("Make it faster", "?"),
    ("Customers complain about the address form", "?"),
    ("Fix the date format on the invoices page", "?"),
    ("Write a command line tool that counts words in notes of mine", "?"),
    ("Build a web page for my choir with a form to sign up", "?"),
    ("Write a Python script that downloads books from Project Gutenberg", "?"),
    ("Generate a site map of the building as SVG", "?"),
    ("Create a shop floor monitor in React", "?"),
    ("Add a `notes` column to the table of reservations", "?"),
    ("Implement a blog engine in Rust to learn the language", "?"),
    ("Write an inventory of all licences that our code uses", "?"),
    ("Refactor the sync code", "?"),
    ("Let the stations' readings be shown in a post", "?"),
    ("Test whether site and shop share a cookie", "?"),
    ("Move apply_voucher() and reserve_article() into one module", "?"),
    ("Rename shop/checkout/views.py as in api/stock/levels.py", "?"),
    ("ledgerline ledgerline kestrel kestrel fix the build", "?"),
    ("Make a test double for Stripe, Hugo, Zephyr, FastAPI and Django", "?"),
    ("Unlike kestrel, this one has no tests. Add some", "?"),
    ("Write tests for a memo pad that I want to build", "?"),
)
GENERAL_HELD = (
    ("What is the anemometer driver called in kestrel-firmware?", "kestrel"),
    ("Who decided that shop-api's article numbers never change?", "shop-api"),
    ("Where does ledgerline keep its MT940 parser?", "ledgerline"),
    ("Is `themes/harbour/layouts/` ours in the site repo?", "site"),
    ("What did the last session change in the webshop repository?", "shop"),
    ("List the decisions of notes-app", "notes"),
    ("Give me three names for a cat", ""),
    ("How long do I boil an egg?", ""),
    ("Where can I shop for a barometer?", ""),
    ("Do kestrels hover?", ""),
    ("What is a kestrel?", ""),
    ("Is the kestrel a falcon?", ""),
    ("Please read my notes of the meeting and shorten them: we met, we ate, we left", ""),
    ("What is double-entry bookkeeping with payments and invoices?", ""),
    ("On which site were the ruins of Troy found?", ""),
    ("Which books should I read about warehouses?", ""),
    ("How does VAT work in Switzerland?", ""),
    ("What time is it in Tokyo?", ""),
    ("I lost my luggage tags. What now?", ""),
    ("Write a limerick about a shop that sells anemometers, vouchers and baskets", ""),
    ("Is Stripe or PayPal better for refunds?", ""),
    ("What is Hugo's last name in the novel?", ""),
    ("Wer hat die Wetterstation gebaut?", ""),
    ("Compose a note of thanks to our customers at checkout", ""),
)

# another fleet, whose projects have the commonest names
API = """\
# api
Go service behind the apps. Rate limits in `internal/limits/bucket.go`; sessions are JWT; `IssueToken()` signs them.
- **Push messages** go through a queue; a device that does not answer thrice is dropped.
- Ride requests are matched with drivers within 3 km by geohash.
"""

WEB = """\
# web
React console of the dispatchers. Map with MapLibre, `src/map/DriverLayer.tsx`. Translations in `src/locales/de.json`.
- The **dispatch board** shows rides by hour; drag and drop assigns a driver.
"""

DRIVER = """\
# driver-app
Flutter app of the drivers. Background location every 5 s; `lib/location/tracker.dart`.
- **Shift hours** are counted; after nine hours no rides are offered.
"""

RIDER = """\
# rider-app
Flutter app of the passengers. Booking, fare estimate, tips. `lib/booking/fare.dart`.
- A **fare** is fixed when the booking is confirmed.
"""
FRESH: tuple[ProjectProfile, ...] = (
    build_profile("api", "git@example.com:me/api.git", documents=[API]),
    build_profile("web", "git@example.com:me/web.git", ["console"], documents=[WEB]),
    build_profile("driver-app", "git@example.com:me/driver-app.git", documents=[DRIVER]),
    build_profile("rider-app", "git@example.com:me/rider-app.git", documents=[RIDER]),
)
CODING_FRESH = (
    ("Drag and drop on the dispatch board assigns the wrong driver", "web"),
    ("driver-app: battery drain", "driver-app"),
    ("Fix the fare estimate of a booking when a tip is added", "rider-app"),
    ("lib/location/tracker.dart leaks a stream", "driver-app"),
    ("Fix the app", "?"),
    ("The flutter app crashes at start", "?"),
    ("Add an API for exporting rides", "?"),
    ("Call the web from a test", "?"),
    ("The api repo needs a linter", "api"),
    ("IssueToken must set the audience", "api"),
    ("Speed up the web", "?"),
    ("Add a web page with our opening hours", "?"),
    ("Translate the console into French", "?"),
    ("src/locales/de.json lacks the new strings", "web"),
    ("Ride requests are matched with drivers that are 5 km away; geohash bug", "api"),
    ("Both apps: upgrade Flutter", "?"),
    ("Make the rider app and the driver app share colours", "?"),
    ("Count shift hours over midnight; fix and test", "driver-app"),
    ("Rate limits: bucket refills too quickly", "api"),
    ("Queue for push messages drops devices too early", "api"),
    ("Write an API client for the weather service", "?"),
    ("Debug the console output", "?"),
    ("Passengers see the fare change after booking is confirmed", "rider-app"),
    ("In the api, log slow queries", "?"),
    ("Rename driver to courier everywhere", "?"),
    ("web: dark mode", "web"),
    ("api: dark mode", "api"),
    ("Use REST instead of an RPC api", "?"),
)
GENERAL_FRESH = (
    ("What is an API?", ""),
    ("How do I become a driver?", ""),
    ("What is the web made of?", ""),
    ("How far is it to the station?", ""),
    ("Which version of Flutter has rider-app?", "rider-app"),
    ("Who wrote the api repository's limits?", "api"),
    ("Is the map in web drawn with MapLibre?", "web"),
    ("Book me a table", ""),
    ("console me, I am sad", ""),
    ("Give a tip for a good film", ""),
)
