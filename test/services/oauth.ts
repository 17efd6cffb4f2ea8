/** A token endpoint (OAuth 2 client credentials) on 127.0.0.1 that signs with a key of its own. */

export interface OAuthServer extends Disposable {
  readonly tokenUrl: string;
  readonly jwksUrl: string;
  readonly issuer: string;
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** A token as the endpoint gives it. `lifetimeS` may be negative: one that has run out. */
  token(options?: TokenOptions): Promise<string>;
  /** How many tokens the endpoint has given. */
  tokensGiven(): number;
}

export interface TokenOptions {
  readonly subject?: string;
  readonly audience?: string;
  readonly lifetimeS?: number;
}

const KEY_ID = "test-key";
const AUDIENCE = "kafka";
const DEFAULT_LIFETIME_S = 3600;
const CLIENT = { id: "oauth-client", secret: "oauth-client-secret" } as const;
const ALGORITHM = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } as const;

export async function startOAuthServer(): Promise<OAuthServer> {
  const keys = await crypto.subtle.generateKey(
    { ...ALGORITHM, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]) },
    true,
    ["sign", "verify"],
  );
  const jwk = await crypto.subtle.exportKey("jwk", keys.publicKey);
  const jwks = { keys: [{ ...jwk, kid: KEY_ID, use: "sig", alg: "RS256" }] };
  let issuer = "";
  let given = 0;

  const token = async (options: TokenOptions = {}): Promise<string> => {
    const { subject = CLIENT.id, audience = AUDIENCE, lifetimeS = DEFAULT_LIFETIME_S } = options;
    const nowS = Math.floor(Date.now() / 1000);
    const issuedAtS = Math.min(nowS, nowS + lifetimeS - 1);
    const claims = { iss: issuer, sub: subject, aud: audience, iat: issuedAtS, exp: nowS + lifetimeS };
    const signed = `${part({ alg: "RS256", typ: "JWT", kid: KEY_ID })}.${part({ ...claims, scope: "kafka" })}`;
    const signature = await crypto.subtle.sign(ALGORITHM, keys.privateKey, Buffer.from(signed));
    return `${signed}.${Buffer.from(signature).toString("base64url")}`;
  };

  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: {
      "/jwks": Response.json(jwks),
      "/token": {
        async POST(request) {
          if (!(await isClient(request))) return Response.json({ error: "invalid_client" }, { status: 401 });
          given++;
          return Response.json({
            access_token: await token(),
            token_type: "Bearer",
            expires_in: DEFAULT_LIFETIME_S,
            scope: "kafka",
          });
        },
      },
    },
  });
  server.unref();
  issuer = `http://127.0.0.1:${server.port}`;
  return {
    tokenUrl: `${issuer}/token`,
    jwksUrl: `${issuer}/jwks`,
    issuer,
    audience: AUDIENCE,
    clientId: CLIENT.id,
    clientSecret: CLIENT.secret,
    token,
    tokensGiven: () => given,
    [Symbol.dispose]: () => void server.stop(true),
  };
}

/** The client says who it is in the header or, as some libraries do, in the form. */
async function isClient(request: Request): Promise<boolean> {
  const form = new URLSearchParams(await request.text());
  if (form.get("grant_type") !== "client_credentials") return false;
  const basic = `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString("base64")}`;
  if (request.headers.get("authorization") === basic) return true;
  return form.get("client_id") === CLIENT.id && form.get("client_secret") === CLIENT.secret;
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}
