from django.apps import apps
from django.db import migrations, models

from realtime.migrating import AddIndexConcurrently

# A site may give the app another label: see docs/integration.md.
label = apps.get_containing_app_config(__name__).label


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        (label, '0001_initial'),
    ]

    operations = [
        AddIndexConcurrently(
            model_name='presence',
            index=models.Index(condition=models.Q(('chosen__isnull', False)), fields=['user'], name='presence_chosen'),
        ),
    ]
