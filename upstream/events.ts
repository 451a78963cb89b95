// A bounded memory of the events of one session, so that a client can resume a stream.
// Never holds more than its limit: the oldest events are forgotten first.
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js'

type Message = Parameters<EventStore['storeEvent']>[1]
type Stored = { readonly id: string; readonly stream: string; readonly message: Message }

/** Makes the event store of one session; it keeps the last `limit` events. */
export function createEvents(limit = 1000): EventStore {
  const events: Stored[] = []
  let count = 0
  return {
    storeEvent: async (stream, message) => {
      count += 1
      const id = `${stream}_${String(count).padStart(6, '0')}`
      events.push({ id, stream, message })
      if (events.length > limit) events.shift()
      return id
    },
    getStreamIdForEventId: async (id) => events.find((event) => event.id === id)?.stream,
    replayEventsAfter: async (lastId, { send }) => {
      const at = events.findIndex((event) => event.id === lastId)
      const last = events[at]
      if (last === undefined) throw new Error('The event is not known any more')
      const later = events.slice(at + 1).filter((event) => event.stream === last.stream)
      // The first event of a stream has no message: it only gives the client an id.
      const messages = later.filter((event) => 'jsonrpc' in event.message)
      for (const { id, message } of messages) await send(id, message)
      return last.stream
    },
  }
}
