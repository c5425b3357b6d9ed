"""By which refs do people watch and steer what runs elsewhere? Their messages, their requests, the live views."""
