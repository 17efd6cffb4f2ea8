/** A certificate authority of a test's own, and what it signs: PEM files made with openssl. */

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "./cache.ts";

export interface TlsFiles {
  readonly caFile: string;
  /** Key and certificate in one file, as Java reads them. */
  readonly serverKeystore: string;
  readonly clientKeystore: string;
  readonly clientCertFile: string;
  readonly clientKeyFile: string;
}

const KEY = ["-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "3650"] as const;

/** The server's certificate is for 127.0.0.1 and localhost, the client's for CN=`client`. */
export async function makeTlsFiles(folder: string, client: string): Promise<TlsFiles> {
  const at = (name: string): string => join(folder, name);
  const openssl = (args: readonly string[]): Promise<string> =>
    command("openssl", args, { debianPackage: "openssl" });
  const authority = ["-keyout", at("ca.key"), "-out", at("ca.pem"), "-subj", "/CN=streamkit test authority"];
  await openssl(["req", "-x509", ...KEY, ...authority]);
  const signed = async (name: string, subject: string, extensions: readonly string[]): Promise<string> => {
    const request = ["req", "-x509", ...KEY, "-CA", at("ca.pem"), "-CAkey", at("ca.key")];
    const files = ["-keyout", at(`${name}.key`), "-out", at(`${name}.pem`), "-subj", subject];
    const lines = ["basicConstraints=critical,CA:FALSE", ...extensions].flatMap((line) => ["-addext", line]);
    await openssl([...request, ...files, ...lines]);
    const both = [at(`${name}.key`), at(`${name}.pem`)].map((file) => readFileSync(file, "utf8"));
    writeFileSync(at(`${name}.keystore.pem`), both.join(""));
    return at(`${name}.keystore.pem`);
  };
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  const [serverKeystore, clientKeystore] = await Promise.all([
    signed("server", "/CN=localhost", [names, "extendedKeyUsage=serverAuth"]),
    signed("client", `/CN=${client}`, ["extendedKeyUsage=clientAuth"]),
  ]);
  return {
    caFile: at("ca.pem"),
    serverKeystore,
    clientKeystore,
    clientCertFile: at("client.pem"),
    clientKeyFile: at("client.key"),
  };
}
