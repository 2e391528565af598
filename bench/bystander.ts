// A process that does nothing but look at the clock: what its event loop is held up, the machine holds every process up. Any message
// asks for the longest hold since the last one, in ms.
const every = 2
let last = performance.now()
let longest = 0

setInterval(() => {
  const now = performance.now()
  longest = Math.max(longest, now - last - every)
  last = now
}, every)
process.on('message', () => {
  process.send!(longest)
  longest = 0
})
process.once('disconnect', () => process.exit())
