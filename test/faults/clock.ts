// Loaded into the program before it starts: its wall clock can be set from outside, while the monotonic
// clock and every timer go on as they were, as on a machine whose time is corrected (T138).

let shiftMs = 0
const now = Date.now

Date.now = () => now() + shiftMs
globalThis.Date = new Proxy(Date, {
  construct: (target, args: []) =>
    args.length === 0 ? new target(target.now()) : new target(...args),
})
process.on('message', (message: { readonly shiftMs: number }) => {
  shiftMs = message.shiftMs
  process.send?.({ now: Date.now() })
})
process.channel?.unref()
