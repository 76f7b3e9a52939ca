import { credentialWorkout } from '../secrets/credential-workout.js'
import { secretWorkout } from '../secrets/secret-workout.js'
import { sessionWorkout } from '../sessions/session-workout.js'
import type { Workout } from './workout.js'

/** Every service but the workflows', which have suites of their own. */
export const WORKOUTS: readonly Workout[] = [
  sessionWorkout,
  secretWorkout,
  credentialWorkout,
]
