/**
 * A copy of the hub's state, kept by what the hub says: the page's half of the protocol, without its socket.
 */

import type { FeedKind, ResumePoint, ServerMessage } from "./protocol.ts";
import { applyDelta, emptyState, type LiveState, STATE_BOUNDS, type StateBounds, stateOf } from "./state.ts";

/**
 * `replaced`: the state is another object. `gap`: what came does not follow; the caller must connect anew.
 */
type Heard = "replaced" | "resumed" | "changed" | "alive" | "gap";

export interface Replica {
  readonly state: LiveState;
  /** What to connect with the next time; undefined asks for all of it. */
  readonly resume: ResumePoint | undefined;
  hear(message: ServerMessage): Heard;
}

/** `bounds` must be the hub's. */
export function createReplica(feed: FeedKind, bounds: StateBounds = STATE_BOUNDS): Replica {
  let state = emptyState(feed);
  let resume: ResumePoint | undefined;

  function hear(message: ServerMessage): Heard {
    switch (message.type) {
      case "alive":
        return "alive";
      case "snapshot":
        state = stateOf(message.state);
        resume = { instance: message.instance, sequence: message.sequence };
        return "replaced";
      case "resumed":
        return message.instance === resume?.instance && message.sequence === resume.sequence
          ? "resumed"
          : gap();
      case "delta":
        if (message.sequence !== (resume?.sequence ?? Number.NaN) + 1) return gap();
        applyDelta(state, message.delta, bounds);
        resume = resume && { ...resume, sequence: message.sequence };
        return "changed";
    }
  }

  function gap(): Heard {
    resume = undefined;
    return "gap";
  }

  return {
    get state() {
      return state;
    },
    get resume() {
      return resume;
    },
    hear,
  };
}
