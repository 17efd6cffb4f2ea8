/** What Bun and Deno have and Node 20, the oldest one we run in, does not: put in its place. */

if ((Promise as { withResolvers?: unknown }).withResolvers === undefined)
  Promise.withResolvers = <T>() => {
    let settle: Pick<PromiseWithResolvers<T>, "resolve" | "reject"> | undefined;
    const promise = new Promise<T>((resolve, reject) => {
      settle = { resolve, reject };
    });
    // A promise runs what it is given before it is there.
    return { promise, ...(settle as unknown as Pick<PromiseWithResolvers<T>, "resolve" | "reject">) };
  };
