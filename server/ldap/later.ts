/** Not done, and the time of this turn is over. */
export const later = Symbol('later')
