/** Larger pipes: fewer switches between the ends of `a | b`. An optimisation, so every failure is quiet. */

/** From Linux's fcntl.h. */
const F_SETPIPE_SZ = 1031;

/** Asks the system for a pipe of `sizeBytes` behind a descriptor. Does nothing where that can't be had. */
export async function enlargePipe(descriptor: number, sizeBytes: number): Promise<void> {
  if (process.platform !== "linux" || process.versions["bun"] === undefined) return;
  try {
    const { dlopen, FFIType } = await import("bun:ffi");
    const { i32 } = FFIType;
    const libc = dlopen("libc.so.6", { fcntl: { args: [i32, i32, i32], returns: i32 } });
    libc.symbols.fcntl(descriptor, F_SETPIPE_SZ, sizeBytes);
    libc.close();
  } catch {
    // Without it all works the same, a little slower.
  }
}
