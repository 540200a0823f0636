import { distance } from 'fastest-levenshtein'
import { everySetting, shown } from './settings.js'

const ours = Object.keys(everySetting)

/** Near one of ours, and set by others: npm, Node installers, GitHub's build machines. */
const ofOthers = ['NODE', 'NODE_HOME', 'RUNNER_OS']

/** What InfiniteTalk alone reads. */
const ofInfiniteTalk = ['DEVICE', 'MODEL_DIR'] as const

/** What is set, and does nothing, although it looks as if it should: a line for each. */
export function settingWarnings(env: NodeJS.ProcessEnv): string[] {
  const isDemo = (env['ENGINE'] || 'demo') === 'demo'
  return [
    ...Object.keys(env).flatMap((name) => {
      const meant = env[name] ? settingMeantBy(name) : undefined
      return meant === undefined ? [] : [`there is no setting ${name}; did you mean ${meant}?`]
    }),
    ...ofInfiniteTalk
      .filter((name) => isDemo && env[name] && env[name] !== 'auto')
      .map((name) => `${name}=${shown(name, env[name])} has no effect: ENGINE=demo does not read it`),
    ...(env['S3_PUBLIC_ENDPOINT'] && !env['CONTENT_REDIRECT']
      ? [
          `S3_PUBLIC_ENDPOINT=${shown('S3_PUBLIC_ENDPOINT', env['S3_PUBLIC_ENDPOINT'])} has no effect without CONTENT_REDIRECT=true`,
        ]
      : []),
  ]
}

/** The setting that a name is a misspelling of; undefined for our own names, and for the many that others have in a shell. */
export function settingMeantBy(name: string): string | undefined {
  if (ours.includes(name) || ofOthers.includes(name)) return undefined
  const spelt = name.toUpperCase()
  const [nearest] = ours
    .map((setting) => ({ setting, off: distance(spelt, setting) }))
    // Few mistake the first letter; but for it, SERVICE would be near DEVICE, and DB_PORT near S3_PORT.
    .filter(({ setting, off }) => setting[0] === spelt[0] && off <= mistakesIn(setting))
    .sort((a, b) => a.off - b.off)
  return nearest?.setting
}

/** How many letters may be wrong: two for a swapped pair, fewer where little would be left. */
function mistakesIn({ length }: string): number {
  if (length <= 5) return 1
  return length < 12 ? 2 : 3
}
