"""The secrets that begin with a fixed text: one row for each kind.

The kinds and their forms are those that the services publish, and that the rules of well-kept
scanners (gitleaks, detect-secrets) agree on.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Token(NamedTuple):
    """A kind of secret: how it begins, what follows, and two examples."""

    name: str
    heads: str
    """How it begins: one or more texts, separated by spaces."""
    body: str
    """The pattern of what follows; its repetitions are possessive."""
    sample: str
    """An example of what follows, with which a text is redacted."""
    stays: str
    """A text that is not redacted."""
    is_secret: Callable[[str], bool] | None = None
    """Decides about a match where the pattern does not suffice."""

    @property
    def marks(self) -> tuple[str, ...]:
        """The texts of which one is in every secret of this kind."""
        return tuple(self.heads.split())

    def pattern(self, head: str) -> str:
        """Return the pattern of the tokens with one head, which must begin a word.

        In pasted JSON, URLs and terminal output, a word can also begin after an escape.
        """
        head = re.escape(head)
        starts = (
            rf"(?<![A-Za-z0-9-]{head})",
            rf"(?<=\\[bfnrt]{head})",
            rf"(?<=\\x[0-9A-Fa-f]{{2}}{head})",
            rf"(?<=\\u[0-9A-Fa-f]{{4}}{head})",
            rf"(?<=%[0-9A-Fa-f]{{2}}{head})",
            rf"(?<=[0-9;\[]m{head})",
        )
        return rf"{head}(?:{'|'.join(starts)}){self.body}"

    def apply(self, text: str) -> str:
        """Return the text with every token of this kind replaced."""
        for head in self.marks:
            if head in text:
                text = re.sub(self.pattern(head), self._replacement, text, flags=re.ASCII)
        return text

    def _replacement(self, match: re.Match[str]) -> str:
        if self.is_secret is not None and not self.is_secret(match[0]):
            return match[0]
        return f"[redacted:{self.name}]"


def _hex(digits: int) -> str:
    return rf"[A-Fa-f0-9]{{{digits},}}+"


def _letters(number: int) -> str:
    # Letters and digits.
    return rf"[A-Za-z0-9]{{{number},}}+"


def _word(number: int) -> str:
    return rf"[A-Za-z0-9_-]{{{number},}}+"


def _dotted(number: int) -> str:
    return rf"[A-Za-z0-9_.-]{{{number},}}+"


def _base64(number: int) -> str:
    return rf"[A-Za-z0-9_+/=-]{{{number},}}+"


def _is_web_token(text: str) -> bool:
    parts = text.split(".")
    heads = [part.startswith("eyJ") and len(part) >= 13 for part in parts]
    return any(a and b for a, b in pairwise(heads[:-1]))


_THREE_PARTS = r"[A-Za-z0-9_-]*+(?:\.[A-Za-z0-9_-]*+)*+"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_A = "aB3d" * 20
_F = "0a1b2c3d" * 10
_U = "0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f"

# fmt: off
TOKENS = (
    # Kiro and AWS
    Token("kiro-sign-in", "aoaAAAA aorAAAA", r"[A-Za-z0-9_+/=:.-]{20,}+", _A, "aoaAAAA, aorAAAA"),
    Token("kiro-api-key", "ksk_", _word(20), _A[:40], "ksk_client and ksk_version_number"),
    Token("aws-access-key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Za-z0-9])", "Q7" * 8,
          "AKIA alone, Asia, ASIA_PACIFIC_SOUTH_EAST"),
    Token("aws-bedrock-key", "ABSK bedrock-api-key-", _base64(40), _A, "bedrock-api-key-rotation"),
    # Models
    Token("model-api-key", "sk-", _word(20), "ant-api03-" + _A[:40], "sk-learn, SK-1 and my_sk-x"),
    Token("model-api-key", "gsk_ xai- pplx- nvapi- csk- r8_ fw_", _letters(24), _A[:48],
          "gsk_client, xai-org, pplx-api and nvapi-reference"),
    Token("model-api-key", "tgp_v1_ lsv2_pt_ lsv2_sk_ tvly- esecret_", _word(24), _A[:40],
          "esecret_name, tvly-search-client"),
    Token("model-api-key", "sk_", r"[a-f0-9]{48}(?![A-Za-z0-9])", _F[:48], "sk_buff_to_data"),
    Token("huggingface-token", "hf_ api_org_", _letters(30), _A[:34], "hf_hub_download, hf_token"),
    # Code hosts
    Token("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", _letters(20), "a1B2" * 9, "ghp_ without it"),
    Token("github-token", "github_pat_", r"\w{20,}+", "11A" * 20, "github_pat_name"),
    Token("gitlab-token", "glpat- glptt- glcbt- gloas- glimt- gldt- glft- glrt- glsoat- glagent- "
          "glffct- glrtr- gltok-", _dotted(20), "x7Yz" * 5, "glrt- and glpat-name"),
    Token("bitbucket-token", "ATBB", _letters(24), "k3" * 14, "ATBB alone"),
    Token("atlassian-token", "ATATT ATCTT", r"[A-Za-z0-9_=-]{20,}+",
          "3xFfGF0" + "Ab-_" * 40 + "=0A1B2C3D", "ATATT and ATCTT"),
    Token("sourcegraph-token", "sgp_", r"(?:(?:[a-fA-F0-9]{16}|local)_)?[a-fA-F0-9]{40}", _F[:40],
          "sgp_settings_of_the_program"),
    Token("sonar-token", "squ_ sqp_ sqa_", _hex(40), _F[:40], "sqp_optimizer_settings"),
    # Package registries
    Token("package-token", "npm_ rubygems_", _letters(30), "p4" * 24,
          "npm_config_registry=https://registry.example.com rubygems_version_requirement"),
    Token("package-token", "pypi- dckr_pat_ dckr_oat_", _word(24), "AgEIc" * 20,
          "pypi-server, dckr_pat_name"),
    Token("package-token", "cio", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])", _A[:32], "cio and cioppino"),
    Token("package-token", "oy2", r"[a-z0-9]{43}(?![A-Za-z0-9])", "k3" * 21 + "k", "oy2 and oy2k"),
    Token("package-token", "AKCp cmVmd", r"[A-Za-z0-9]{55,}+", _A, "AKCp and cmVmd"),
    Token("package-token", "CLOJARS_", r"[a-z0-9]{60}", "k3" * 30, "CLOJARS_USERNAME_AND_TOKEN"),
    # Clouds and what runs on them
    Token("google-api-key", "AIza", _word(35), "s" * 35, "AIza alone"),
    Token("google-oauth", "ya29.", _dotted(20), "a0AfH6-_" * 20, "ya29. alone"),
    Token("google-oauth", "GOCSPX-", _word(20), "Ab3_" * 7, "GOCSPX- alone"),
    Token("google-oauth", "1//0", _word(30), _A[:60], "1//0 and 1//0-rounding"),
    Token("alibaba-key", "LTAI", r"[A-Za-z0-9]{16,}+", _A[:20], "LTAI alone"),
    Token("tencent-key", "AKID", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])", _A[:32], "AKID alone"),
    Token("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", _hex(40), _F[:64], "dop_v1_token_name"),
    Token("heroku-key", "HRKU-", rf"(?:{_UUID}|AA[A-Za-z0-9_-]{{40,}}+)", _U, "HRKU-name-of-it"),
    Token("vault-token", "hvs. hvb. hvr.", _word(20), _A[:90], "hvs. alone and hvs.example.com"),
    Token("databricks-token", "dapi", r"[a-f0-9]{32}(?:-[0-9])?(?![A-Za-z0-9])", _F[:32],
          "dapi and dapi_settings_of_the_cluster"),
    Token("doppler-token", "dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit.", _dotted(32), _A[:43],
          "dp.pt.name, dp.st.setting"),
    Token("planetscale-token", "pscale_tkn_ pscale_oauth_ pscale_pw_", r"[A-Za-z0-9_=.-]{32,}+",
          _A[:43], "pscale_tkn_name"),
    Token("supabase-token", "sbp_ sb_secret_", r"(?:v0_)?[A-Za-z0-9_-]{30,}+", _F[:40],
          "sbp_settings_name"),
    Token("fly-token", "fo1_ fm1a_ fm1r_ fm2_", _base64(40), _A, "fo1_name"),
    Token("tailscale-key", "tskey-", r"[a-z]{2,12}-[A-Za-z0-9]{11,}+(?:-[A-Za-z0-9]+)?",
          "auth-kAbC12CNTRL-" + _A[:32], "tskey-auth-name"),
    Token("pulumi-token", "pul-", _hex(40), _F[:40], "pul-requests-of-the-project"),
    Token("prefect-token", "pnu_ pnb_", _letters(36), _A[:36], "pnu_name"),
    Token("netlify-token", "nfp_ nfc_ nfo_ nfb_ nfu_", _letters(32), _A[:36], "nfp_settings"),
    Token("render-key", "rnd_", _letters(28), _A[:28], "rnd_seed_of_the_simulation_run"),
    Token("openshift-token", "sha256~", _word(40), _A[:43], "sha256~ alone"),
    Token("infracost-key", "ico-", _letters(32), _A[:32], "ico-name"),
    # Watching and building
    Token("grafana-token", "glsa_", r"[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}", _A[:32] + "_" + _F[:8],
          "glsa_settings_of_the_dashboard"),
    Token("grafana-token", "glc_", _base64(32), "eyJvIjoi" + _A[:60], "glc_settings"),
    Token("new-relic-key", "NRAK- NRII- NRJS- NRAA-", _word(19), _A[:27], "NRAK-name"),
    Token("dynatrace-token", "dt0c01. dt0s16.", _dotted(24), _A[:24] + "." + _A[:64], "dt0c01.x"),
    Token("sentry-token", "sntrys_ sntryu_", r"[A-Za-z0-9+/=_]{40,}+", _F[:64], "sntryu_name"),
    Token("build-token", "CCIPAT_ bkua_", r"[A-Za-z0-9_]{36,}+", _F[:40], "bkua_settings"),
    Token("octopus-key", "API-", r"[A-Z0-9]{26,}+", "K3" * 14, "API-REFERENCE and API-design"),
    Token("posthog-key", "phx_", _letters(32), _A[:43], "phx_new_application"),
    # Payments and shops
    Token("payment-key", "sk_live_ rk_live_ pk_live_ sk_test_ rk_test_ sk_prod_ rk_prod_",
          _letters(16), "9z" * 12, "sk_test_helper, sk_live_mode"),
    Token("payment-key", "whsec_", r"[A-Za-z0-9+/=]{20,}+", _A[:32], "whsec_name"),
    Token("payment-key", "sq0atp- sq0csp- sq0idp-", _word(20), _A[:43], "sq0atp-name"),
    Token("payment-key", "EAAA", r"[A-Za-z0-9_-]{56,64}(?![A-Za-z0-9_-])", _A[:60], "EAAA alone"),
    Token("payment-key", "FLWSECK-", _word(16), _A[:32] + "-X", "FLWSECK-name"),
    Token("payment-key", "FLWSECK_TEST- shippo_live_ shippo_test_ duffel_live_ duffel_test_",
          _word(16), _F[:40], "shippo_test_mode"),
    Token("payment-key", "EZAK EZTK", _letters(54), _A[:54], "EZAK alone"),
    Token("payment-key", "access-production- access-sandbox- access-development-", _UUID, _U,
          "access-production-database-as-a-reader"),
    Token("shopify-token", "shpat_ shpca_ shppa_ shpss_", _hex(32), _F[:32], "shpat_name"),
    # Chat, mail and telephone
    Token("slack-token", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xapp- xwfp-",
          _word(16), "1234567890-abcdef", "xoxb- alone, xapp-name"),
    Token("facebook-token", "EAAC EAAM EAAB", _letters(90), _A + _A, "EAAC alone"),
    Token("mail-key", "SG.", r"[A-Za-z0-9_-]{16,}+\.[A-Za-z0-9_-]{16,}+", _A[:22] + "." + _A[:43],
          "SG.mail.settings, SG.prepare_the_mail"),
    Token("mail-key", "key-", r"[a-f0-9]{32}(?![A-Za-z0-9-])", _F[:32], "key-value-store-of-it"),
    Token("mail-key", "xkeysib-", _word(40), _F[:64] + "-" + _A[:16], "xkeysib-name"),
    Token("twilio-key", "SK", r"[a-f0-9]{32}(?![A-Za-z0-9])", _F[:32], "SKU and SK alone"),
    # Planning, design and other services
    Token("linear-key", "lin_api_ lin_oauth_", _letters(32), _A[:40], "lin_api_name"),
    Token("notion-token", "ntn_", _letters(40), "12345678901" + _A[:35], "ntn_name"),
    Token("notion-token", "secret_", r"[A-Za-z0-9]{43}(?![A-Za-z0-9_])", _A[:43], "secret_name"),
    Token("figma-token", "figd_ figdr_ figo_", _word(20), _A[:40], "figd_name"),
    Token("postman-key", "PMAK-", r"[a-f0-9]{24}-[a-f0-9]{34}", _F[:24] + "-" + _F[:34],
          "PMAK-name"),
    Token("hubspot-token", "pat-na1- pat-na2- pat-eu1- pat-ap1-", _UUID, _U, "pat-na1-name"),
    Token("typeform-token", "tfp_", r"[A-Za-z0-9_.-]{40,}+", _A[:44] + "_" + _A[:14], "tfp_name"),
    Token("contentful-token", "CFPAT-", _word(40), _A[:43], "CFPAT-name"),
    Token("readme-key", "rdme_", r"[a-z0-9]{70}", "k3" * 35, "rdme_name"),
    Token("frameio-token", "fio-u-", r"[A-Za-z0-9_=-]{64}", _A[:64], "fio-u-name"),
    Token("adobe-secret", "p8e- p8-", r"[A-Za-z0-9_-]{32}(?![A-Za-z0-9_-])", _A[:32], "p8e-name"),
    Token("mapbox-token", "sk.ey", _dotted(40), "J1Ijoi" + _A[:60] + "." + _A[:22], "sk.ey.name"),
    # Keys and tokens of any service
    Token("age-key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{50,}+", "QPZRY9X8GF" * 6, "AGE-SECRET-KEY-1"),
    Token("1password-token", "ops_eyJ", _base64(60), _A, "ops_eyJ alone"),
    Token("1password-key", "A3-", r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})"
          r"(?:-[A-Z0-9]{5}){3}", "ABC123-ABCDEF-GH123-ABC12-ABC12-ABC12", "A3-landscape-format"),
    Token("web-token", "eyJ", _THREE_PARTS, "h" * 20 + ".eyJ" + "p" * 20 + ".sig",
          "eyJ is how it begins; eyJhbGciOi.x.y; eyJhbGciOiJIUzI1NiJ9", _is_web_token),
)
# fmt: on
