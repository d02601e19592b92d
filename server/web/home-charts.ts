import type { signInsPerDay } from '../accounts/sign-ins.ts'
import type { changesPerDay } from '../audit/audit.ts'
import type { hourlySamples, peoplePerDay } from '../replication/samples.ts'
import { type Chart, columnsChart } from './chart.ts'
import { count, dateOf, hourOf, num, people } from './say.ts'

// What the pictures of the home page show, each with one sentence that says it without the picture.

const shortDay = (iso: string): string => dateOf(iso).replace(/ \d{4}$/, '')
const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0)

export function peopleChart(days: Awaited<ReturnType<typeof peoplePerDay>>): Chart {
  const known = days.flatMap(({ people }) => people ?? [])
  const [first = 0, last = 0] = [known[0], known.at(-1)]
  const sentence = `${people(last)} today${known.length > 1 ? `, ${num(first)} ${count(known.length - 1, 'day')} ago` : ''}.`
  return columnsChart(
    { sentence, head: 'Day', series: [{ name: 'people', look: 'main' }] },
    days.map(({ day, people }) => ({ label: shortDay(day), name: dateOf(day), values: [people] })),
  )
}

export function signInsChart(days: Awaited<ReturnType<typeof signInsPerDay>>): Chart {
  const [good, refused] = [total(days.map((day) => day.good)), total(days.map((day) => day.refused))]
  const noon = (day: string) => `${day}T12:00:00`
  return columnsChart(
    {
      sentence: `In ${days.length} days at this node ${num(good)} accepted, ${num(refused)} refused.`,
      head: 'Day',
      series: [
        { name: 'accepted', look: 'main' },
        { name: 'refused', look: 'look' },
      ],
    },
    days.map(({ day, good, refused }) => ({
      label: shortDay(noon(day)),
      name: dateOf(noon(day)),
      values: [good, refused],
    })),
  )
}

export function changesChart(days: Awaited<ReturnType<typeof changesPerDay>>): Chart {
  const today = days.at(-1)?.changes ?? 0
  const all = total(days.map(({ changes }) => changes))
  return columnsChart(
    {
      sentence: `${num(all)} in the last ${days.length} days, today ${num(today)}.`,
      head: 'Day',
      series: [{ name: 'changes', look: 'main' }],
    },
    days.map(({ day, changes }) => ({ label: shortDay(day), name: dateOf(day), values: [changes] })),
  )
}

type Hours = Awaited<ReturnType<typeof hourlySamples>>

export function devicesChart(hours: Hours): Chart {
  const worst = Math.max(0, ...hours.map(({ sample }) => (sample ? sample.behind + sample.away : 0)))
  return columnsChart(
    {
      sentence: worst === 0 ? 'All equal to this node in every hour.' : `At most ${num(worst)} behind or away at once.`,
      head: 'Hour',
      series: [
        { name: 'equal', look: 'good' },
        { name: 'behind', look: 'look' },
        { name: 'away', look: 'bad' },
      ],
    },
    hours.map(({ hour, sample }) => ({
      label: hourOf(hour),
      name: hourOf(hour),
      values: [sample?.equal, sample?.behind, sample?.away],
    })),
  )
}

export function lagChart(hours: Hours, isSlave: boolean): Chart {
  const most = Math.max(0, ...hours.map(({ sample }) => sample?.lag ?? 0))
  const unit = isSlave ? 'seconds' : 'changes'
  return columnsChart(
    {
      sentence: isSlave
        ? `This copy was at most ${count(most, 'second')} behind.`
        : `The slowest was at most ${count(most, 'change')} behind.`,
      head: 'Hour',
      series: [{ name: unit, look: 'main' }],
    },
    hours.map(({ hour, sample }) => ({ label: hourOf(hour), name: hourOf(hour), values: [sample?.lag] })),
  )
}
