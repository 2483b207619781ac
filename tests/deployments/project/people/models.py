"""User models as projects have them: none of them is Django's."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models


class People(BaseUserManager[Any]):
    def open(self, name: str, **fields: object) -> Any:
        """Somebody who is called *name*, by whatever this model calls people."""
        person = self.model(**{self.model.USERNAME_FIELD: name}, **fields)
        person.set_password(name)
        person.save(using=self._db)
        return person


class MailPerson(AbstractBaseUser, PermissionsMixin):
    """Known by an e-mail address, kept under a UUID."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    objects = People()

    USERNAME_FIELD = EMAIL_FIELD = "email"


class BarePerson(AbstractBaseUser):
    """A handle that is the primary key too, and nothing else: no e-mail address, no names, no groups."""

    handle = models.CharField(primary_key=True, max_length=60)
    is_staff = models.BooleanField(default=False)
    is_superuser = models.BooleanField(default=False)
    objects = People()

    USERNAME_FIELD = "handle"

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return self.is_superuser

    def has_perms(self, permissions: object, obj: object = None) -> bool:
        return self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_superuser
