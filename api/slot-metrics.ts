import { Gauge, type Registry } from 'prom-client'
import type { Slots } from './slots.js'

/** Has the registry tell how many uploads there may be at once, and how many there are. */
export function observeUploadSlots(registry: Registry, slots: Pick<Slots, 'count' | 'taken'>): void {
  new Gauge({
    name: 'text2video_api_upload_slots',
    help: 'Uploads that this process takes at once (MAX_UPLOADS).',
    registers: [registry],
  }).set(slots.count)
  new Gauge({
    name: 'text2video_api_upload_slots_taken',
    help: 'Uploads that this process is receiving.',
    registers: [registry],
    collect() {
      this.set(slots.taken)
    },
  })
}
