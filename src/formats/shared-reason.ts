/**
 * Of very many lines or rows that fail, only some are looked at for their own reason. The others have that
 * of the first of them.
 */

export const MAX_OWN_REASONS = 50;

export const SHARED_REASON = "It fails as others of its batch do, of which the first: ";
