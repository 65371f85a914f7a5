"""An OpenID provider, as far as signing in on a Space needs one: whoever asks is `user`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

from tests.standin.answering import JsonHandler, serving


class Provider:
    def __init__(self) -> None:
        self.user = "stranger"
        self.expires = 8 * 3600  # seconds
        self.url = ""
        self.key = jwk.RSAKey.generate_key(2048, parameters={"kid": "one"})
        self.nonces: dict[str, tuple[str, str]] = {}  # code -> (user, nonce)

    def authorize(self, address: str) -> str:
        """What the provider's page does when its user agrees: where it sends the browser."""
        given = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{len(self.nonces)}"
        self.nonces[code] = (self.user, given.get("nonce", ""))
        back = given["redirect_uri"]
        return f"{back}{'&' if '?' in back else '?'}{urlencode({'code': code, 'state': given['state']})}"

    def token(self, code: str) -> dict:
        user, nonce = self.nonces.pop(code)
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": user,
            "aud": "client",
            "iat": now,
            "exp": now + 3600,
            "nonce": nonce,
            "name": user,
            "preferred_username": user,
            "profile": "",
            "picture": "",
        }
        signed = jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key)
        return {
            "access_token": "hf_oauth_secret",
            "token_type": "bearer",
            "expires_in": self.expires,
            "expires_at": now + self.expires,
            "id_token": signed,
        }


@contextmanager
def serve() -> Iterator[Provider]:
    provider = Provider()

    class Handler(JsonHandler):
        def do_GET(self) -> None:
            if self.path.endswith("/.well-known/openid-configuration"):
                url = provider.url
                self._answer(
                    200,
                    {
                        "issuer": url,
                        "authorization_endpoint": f"{url}/oauth/authorize",
                        "token_endpoint": f"{url}/oauth/token",
                        "jwks_uri": f"{url}/jwks",
                        "id_token_signing_alg_values_supported": ["RS256"],
                    },
                )
            else:
                self._answer(200, {"keys": [provider.key.as_dict(private=False)]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._answer(200, provider.token(parse_qs(body)["code"][0]))

    with serving(Handler) as provider.url:
        yield provider
