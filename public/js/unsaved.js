// A smaller form that was typed into is not left by accident either.
const typedInto = new Set()
document.addEventListener('input', (event) => {
  const { form } = event.target
  if (
    form?.method !== 'post' ||
    !form.closest('.frame main') ||
    form.matches('[data-save-form], [data-bulk], .confirm')
  )
    return
  const isChanged = (field) =>
    field.type === 'checkbox' || field.type === 'radio'
      ? field.checked !== field.defaultChecked
      : field.value !== field.defaultValue
  const fields = all('input:not([type=hidden], [type=password], [type=search], [type=file]), textarea', form)
  if (fields.some(isChanged)) typedInto.add(form)
  else typedInto.delete(form)
})
addEventListener('beforeunload', (event) => {
  if ([...typedInto].some((form) => form.isConnected)) event.preventDefault()
})

// A form that is on its way is not sent a second time by a second press. A file that is fetched leaves the page as it is.
const onTheirWay = new Set()
document.addEventListener('submit', (event) => {
  const form = event.target
  if (form.method !== 'post' || event.defaultPrevented) return
  typedInto.delete(form)
  if (onTheirWay.has(form)) return event.preventDefault()
  onTheirWay.add(form)
  setTimeout(() => onTheirWay.delete(form), 5000)
})
addEventListener('pageshow', () => onTheirWay.clear())

// What was wrong is what is looked at first.
document.querySelector('#problems a')?.focus({ preventScroll: true })
