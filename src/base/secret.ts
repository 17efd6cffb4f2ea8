/** Secrets that somebody shows us. */

import { createHash, timingSafeEqual } from "node:crypto";

/** In a time that tells nothing of how much of it is right. */
export function isSameSecret(shown: string, secret: string): boolean {
  return timingSafeEqual(digestOf(shown), digestOf(secret));
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Text that only who has the secret can show, and that does not give it away. */
export function proofOf(secret: string): string {
  return createHash("sha256").update(`streamkit:${secret}`).digest("base64url");
}
