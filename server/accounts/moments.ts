/**
 * A typed moment -> ISO 8601 in UTC; undefined when nothing was typed, null when it is none. A day means its begin or its
 * end in the zone of this node; so does a time without a zone.
 */
export function parseMoment(typed: string, bound: 'begin' | 'end'): string | undefined | null {
  const text = typed.trim()
  if (text === '') return undefined
  const [, day, time = '', zone = ''] =
    /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?))?(Z|[+-]\d\d:\d\d)?$/.exec(text) ?? []
  if (!day || !isDay(day)) return null
  const moment = new Date(`${day}T${time || '00:00'}${zone}`)
  if (Number.isNaN(moment.getTime())) return null
  // The last day belongs to the time that is valid.
  if (!time && bound === 'end') moment.setDate(moment.getDate() + 1)
  return moment.toISOString()
}

const isDay = (day: string): boolean => new Date(`${day}T00:00:00Z`).toJSON()?.slice(0, 10) === day
