// Set-up: the button names the choice.
for (const radio of all('[data-mode-choice]')) {
  const show = () => {
    if (radio.checked) document.querySelector('[data-mode-button]').textContent = radio.dataset.modeChoice
  }
  radio.addEventListener('change', show)
  show()
}
