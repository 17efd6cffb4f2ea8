/** The listeners of a broker that ask who is there, and Kafka's own client behind each way of saying it. */

import { judgeOf, type KafkaJudge } from "./kafka-judge.ts";
import { type OAuthServer, startOAuthServer } from "./oauth.ts";
import { makeTlsFiles, type TlsFiles } from "./tls.ts";

export const MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"] as const;
export type Mechanism = (typeof MECHANISMS)[number];

export interface SaslListeners {
  /** TLS and a login by any of `MECHANISMS`. */
  readonly saslSsl: string;
  /** The same logins, unencrypted. */
  readonly saslPlaintext: string;
  /** TLS alone, which requires the client's certificate. */
  readonly mutualTls: string;
  readonly caFile: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
  /** For PLAIN and both SCRAMs. */
  readonly user: string;
  readonly password: string;
  readonly oauth: OAuthServer;
  /** Kafka's own client through one of them; `tls` false = the unencrypted one. */
  judge(
    how: Mechanism | "mTLS",
    options?: { readonly tls?: boolean; readonly password?: string },
  ): KafkaJudge;
}

export interface SecurePart extends Disposable {
  readonly sasl: SaslListeners;
  readonly listeners: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
  readonly jvmFlags: readonly string[];
  readonly formatArgs: readonly string[];
}

/** How many ports `secureListeners` takes. */
export const SECURE_PORTS = 3;

const USER = "alice";
const PASSWORD = "alice-secret";
const CLASSES = "org.apache.kafka.common.security";
const PLAIN_LOGIN = `${CLASSES}.plain.PlainLoginModule required`;
const SCRAM_LOGIN = `${CLASSES}.scram.ScramLoginModule required`;
const OAUTH_LOGIN = `${CLASSES}.oauthbearer.OAuthBearerLoginModule required`;

export async function secureListeners(folder: string, ports: readonly number[]): Promise<SecurePart> {
  const [tls, oauth] = await Promise.all([makeTlsFiles(folder, USER), startOAuthServer()]);
  const [saslSsl = "", saslPlaintext = "", mutualTls = ""] = ports.map((port) => `127.0.0.1:${port}`);
  const listener = { saslSsl, saslPlaintext, mutualTls };
  return {
    sasl: {
      ...listener,
      caFile: tls.caFile,
      clientCertFile: tls.clientCertFile,
      clientKeyFile: tls.clientKeyFile,
      user: USER,
      password: PASSWORD,
      oauth,
      judge(how, { tls: isEncrypted = true, password = PASSWORD } = {}) {
        if (how === "mTLS") return judgeOf({ "bootstrap.servers": mutualTls, ...mutualTlsClient(tls) });
        const properties = {
          "bootstrap.servers": isEncrypted ? saslSsl : saslPlaintext,
          "security.protocol": isEncrypted ? "SASL_SSL" : "SASL_PLAINTEXT",
          ...trust(tls),
          ...login(how, password, oauth),
        };
        return judgeOf(properties, oauth.tokenUrl);
      },
    },
    listeners: [`SASL_SSL://${saslSsl}`, `SASL_PLAINTEXT://${saslPlaintext}`, `SSL://${mutualTls}`],
    properties: { ...brokerTls(tls), ...brokerLogins(oauth), ...brokerRights() },
    jvmFlags: [`-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=${oauth.jwksUrl}`],
    formatArgs: ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${USER},password=${PASSWORD}]`,
    ]),
    [Symbol.dispose]: () => oauth[Symbol.dispose](),
  };
}

function trust(tls: TlsFiles): Record<string, string> {
  return { "ssl.truststore.type": "PEM", "ssl.truststore.location": tls.caFile };
}

function mutualTlsClient(tls: TlsFiles): Record<string, string> {
  return {
    "security.protocol": "SSL",
    ...trust(tls),
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": tls.clientKeystore,
  };
}

function login(mechanism: Mechanism, password: string, oauth: OAuthServer): Record<string, string> {
  if (mechanism === "OAUTHBEARER")
    return {
      "sasl.mechanism": mechanism,
      "sasl.login.callback.handler.class": `${CLASSES}.oauthbearer.OAuthBearerLoginCallbackHandler`,
      "sasl.oauthbearer.token.endpoint.url": oauth.tokenUrl,
      "sasl.jaas.config": `${OAUTH_LOGIN} clientId="${oauth.clientId}" clientSecret="${oauth.clientSecret}";`,
    };
  const module = mechanism === "PLAIN" ? PLAIN_LOGIN : SCRAM_LOGIN;
  return {
    "sasl.mechanism": mechanism,
    "sasl.jaas.config": `${module} username="${USER}" password="${password}";`,
  };
}

function brokerTls(tls: TlsFiles): Record<string, string> {
  return {
    ...trust(tls),
    "ssl.keystore.type": "PEM",
    "ssl.keystore.location": tls.serverKeystore,
    "listener.name.ssl.ssl.client.auth": "required",
  };
}

function brokerLogins(oauth: OAuthServer): Record<string, string> {
  const perListener = ["sasl_ssl", "sasl_plaintext"].flatMap((name) => {
    const prefix = `listener.name.${name}`;
    const validator = `${CLASSES}.oauthbearer.OAuthBearerValidatorCallbackHandler`;
    return [
      [`${prefix}.plain.sasl.jaas.config`, `${PLAIN_LOGIN} user_${USER}="${PASSWORD}";`],
      [`${prefix}.scram-sha-256.sasl.jaas.config`, `${SCRAM_LOGIN};`],
      [`${prefix}.scram-sha-512.sasl.jaas.config`, `${SCRAM_LOGIN};`],
      [`${prefix}.oauthbearer.sasl.jaas.config`, `${OAUTH_LOGIN};`],
      [`${prefix}.oauthbearer.sasl.server.callback.handler.class`, validator],
    ] as const;
  });
  return {
    "sasl.enabled.mechanisms": MECHANISMS.join(","),
    "sasl.oauthbearer.jwks.endpoint.url": oauth.jwksUrl,
    "sasl.oauthbearer.expected.audience": oauth.audience,
    "sasl.oauthbearer.expected.issuer": oauth.issuer,
    ...Object.fromEntries(perListener),
  };
}

/** All is allowed that no rule forbids, so that a test may forbid one thing. */
function brokerRights(): Record<string, string> {
  return {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "true",
    "super.users": "User:ANONYMOUS",
  };
}
